"""From file to container: deterministic, with every reason against it, and inferred shapes inside."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from emulated_models import chain, classifier, model, options, save, value
from onnx import helper

from resources.ascend import gears
from resources.ascend.emulator import container
from resources.ascend.emulator.compile import compile_model
from resources.ascend.emulator.container import EmulatedOm
from resources.ascend.toolchain import CompileRefused, CompileReport, ToolchainIdentity
from resources.digests import sha256_file

WHO = ToolchainIdentity(name="emulator", version="1", cann="8.1.RC1", origin="emulated")


def compiled(path: Path, **given: Any) -> tuple[EmulatedOm, CompileReport]:
    return compile_model(path, options(**given), WHO)


def refusal(path: Path, **given: Any) -> CompileRefused:
    with pytest.raises(CompileRefused) as caught:
        compiled(path, **given)
    assert caught.value.log.splitlines()[2].startswith("ATC run failed")
    return caught.value


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first = save(tmp_path / "a.onnx", classifier())
    second = save(tmp_path / "b.onnx", classifier())
    assert container.encode(compiled(first)[0]) == container.encode(compiled(second)[0])
    assert compiled(first)[1] == compiled(second)[1]


def test_another_mode_gives_another_graph(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", classifier())
    narrow, wide = compiled(path)[0], compiled(path, precision_mode="must_keep_origin_dtype")[0]
    assert narrow.lowered != wide.lowered
    assert narrow.info.identity != wide.info.identity


def test_it_says_what_it_was_made_from(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", classifier("N"))
    om, report = compiled(path, input_shape={"x": (2, 3, 8, 8)})
    assert om.info.onnx_sha256 == sha256_file(path)
    assert om.info.toolchain == WHO
    assert [(t.name, t.shape) for t in om.signature.inputs] == [("x", (2, 3, 8, 8))]
    assert [(t.name, t.shape) for t in om.signature.outputs] == [("y", (2, 5))]
    assert report.warnings == ()
    assert report.log.splitlines()[2].startswith("ATC run success")


def test_the_counted_graph_has_inner_shapes_and_no_large_weights(tmp_path: Path) -> None:
    om, _ = compiled(save(tmp_path / "m.onnx", classifier()))
    structure = onnx.ModelProto.FromString(om.structure)
    assert {v.name for v in structure.graph.value_info} >= {"c", "r", "p", "f"}
    assert structure.graph.initializer[0].raw_data == b""


def test_a_soc_is_kept_under_canns_own_name(tmp_path: Path) -> None:
    om, _ = compiled(save(tmp_path / "m.onnx", classifier()), soc_version="Ascend910")
    assert om.info.options.soc_version == "Ascend910A"


def test_warnings_do_not_stop_it(tmp_path: Path) -> None:
    _, report = compiled(save(tmp_path / "m.onnx", classifier()), soc_version="Ascend910B")
    assert [item.code for item in report.warnings] == ["WX0001"]
    assert report.log.splitlines()[-1].startswith("WX0001: ")


@pytest.mark.parametrize("content", [b"", b"text", b"\x08\x08\x3a\xff\xff\xff\xff\x0f"])
def test_a_file_that_cannot_be_loaded(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    (reason,) = refusal(path).diagnostics
    assert (reason.code, reason.message) == ("E10041", f"Failed to load the model from [{path}].")
    assert str(path) in reason.cause


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert [item.code for item in refusal(tmp_path / "gone.onnx").diagnostics] == ["E10041"]


def test_reasons_before_and_after_shapes_come_together(tmp_path: Path) -> None:
    content = chain("Convx", "Relu")
    content.graph.node.append(helper.make_node("Einsum", ["x", "x", "x"], ["z"], equation="i,i,i->i", name="e"))
    codes = [item.code for item in refusal(save(tmp_path / "m.onnx", content)).diagnostics]
    assert codes == ["E19010", "EX0004"]


def test_shapes_that_only_inference_finds_wrong(tmp_path: Path) -> None:
    content = model(
        [helper.make_node("Concat", ["x", "k"], ["y"], axis=9)], [value("x", [1]), value("k", [2])], [value("y", None)]
    )
    (reason,) = refusal(save(tmp_path / "m.onnx", content)).diagnostics
    assert reason.code == "EX0005"


def test_external_weights_are_part_of_what_was_compiled(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(classifier(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    before, _ = compiled(path)
    data = np.fromfile(tmp_path / "w.bin", np.float32)
    (data * 2).tofile(tmp_path / "w.bin")
    after, _ = compiled(path)
    assert before.info.onnx_sha256 == after.info.onnx_sha256
    assert before.info.identity != after.info.identity


class TestGears:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"dynamic_batch_size": (1, 4)}, [{"x": (1, 3, 8, 8)}, {"x": (4, 3, 8, 8)}]),
            ({}, []),
        ],
    )
    def test_batch_sizes(self, given: dict[str, Any], expected: list[dict[str, tuple[int, ...]]]) -> None:
        assert list(gears.shapes(options(input_shape={"x": (-1, 3, 8, 8)}, **given))) == expected

    def test_image_sizes_fill_every_image(self) -> None:
        shapes = {"a": (1, 3, -1, -1), "k": (7,), "b": (2, 3, -1, -1)}
        found = gears.shapes(options(input_shape=shapes, dynamic_image_size=((8, 9), (16, 17))))
        assert found[1] == {"a": (1, 3, 16, 17), "k": (7,), "b": (2, 3, 16, 17)}

    def test_dims_are_dealt_out_in_the_inputs_order(self) -> None:
        shapes = {"a": (-1, 3), "b": (-1, -1)}
        found = gears.shapes(options(input_shape=shapes, input_format="ND", dynamic_dims=((1, 2, 3), (4, 5, 6))))
        assert found == ({"a": (1, 3), "b": (2, 3)}, {"a": (4, 3), "b": (5, 6)})

    def test_the_largest_decides_memory_and_time(self) -> None:
        chosen = options(input_shape={"x": (-1, 3)}, dynamic_batch_size=(4, 16, 8))
        assert gears.largest(chosen) == {"x": (16, 3)}
        assert gears.largest(options()) is None
