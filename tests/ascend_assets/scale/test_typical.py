"""The models that a plan is about."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from ascend_assets.preflight_inputs import NotUsable
from ascend_assets.scale import typical
from ascend_assets.yaml_file import BadYaml
from benchmarks.reference_models import resnet50
from resources.ascend.soc import UnknownSocError, soc_names


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "resnet50.onnx"
    onnx.save(resnet50(16, "random"), path)
    return path


def test_the_model_that_ships_is_what_the_estimator_says(network: Path) -> None:
    shipped = typical.shipped(soc_names())
    anew = typical.of_file(network, "ResNet-50", soc_names())
    assert (anew.batch, anew.layers) == (shipped.batch, shipped.layers)
    assert anew.onnx_bytes == pytest.approx(shipped.onnx_bytes, rel=0.01)
    assert dict(anew.latency_ms) == pytest.approx(dict(shipped.latency_ms), rel=0.001)


def test_another_soc_is_unknown() -> None:
    with pytest.raises(UnknownSocError, match="Ascend999"):
        typical.shipped(["Ascend999"])


def test_a_file_that_the_compiler_refuses_has_no_time(tmp_path: Path) -> None:
    node = onnx.helper.make_node("Gelu", ["x"], ["y"])
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = onnx.helper.make_graph([node], "g", values[:1], values[1:])
    path = tmp_path / "gelu.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)]), path)
    with pytest.raises(NotUsable, match=r"Ascend310P3 would refuse it.*ascend preflight"):
        typical.of_file(path, "gelu", ["Ascend310P3"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models: []", "models"),
        ("models: [{model: a.onnx}]", "share: is missing"),
        ("models: [{model: a.onnx, share: -1}]", "share"),
        ("models: [{model: a.onnx, share: .nan}]", "share"),
        ("models: [{model: a.onnx, share: 1, batch: 0}]", "batch"),
        ("models: [{model: a.onnx, share: 1, more: 1}]", "unknown field"),
        ("- 1", "mix.yaml:1"),
        ("models: [", "not valid YAML"),
    ],
)
def test_a_mix_that_is_wrong_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text(text)
    with pytest.raises(BadYaml, match=says):
        typical.read_mix(path)


def test_a_mix_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text("models:\n- {model: a.onnx, share: 3}\n- {model: b, share: 1, batch: 4}\n")
    first, second = typical.read_mix(path).models
    assert (first.share, first.batch, second.model, second.batch) == (3.0, None, "b", 4)


def test_shares_add_up_to_one() -> None:
    one = typical.shipped(["Ascend310P3"])
    found = typical.shares((replace(one, share=3.0), replace(one, share=1.0)))
    assert [kind.share for kind in found] == [0.75, 0.25]
