"""What every toolchain keeps. A new one is added to `TOOLCHAINS` and runs the same tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from cann_cases import cann_cases
from onnx import TensorProto, helper, numpy_helper

from resources.ascend.emulator.toolchain import Emulator
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import CompileRefused, NotLoadable, Toolchain
from resources.digests import sha256_file

NODES = ["conv", "activation", "pool", "flatten", "gemm"]


def contract_model(op: str = "Relu", batch: int | str = 1) -> onnx.ModelProto:
    """Conv, `op`, pooling, Gemm: image [batch,3,8,8] -> scores [batch,5]."""
    random = np.random.default_rng(7)
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node(op, ["c"], ["r"], name="activation"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "g"], ["scores"], name="gemm"),
    ]
    weights = [
        numpy_helper.from_array(random.standard_normal((16, 3, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(random.standard_normal((16, 5)).astype(np.float32), "g"),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 8, 8])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 5])]
    graph = helper.make_graph(nodes, "contract", inputs, outputs, weights)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])


@dataclass(frozen=True)
class Case:
    """How to make a toolchain, a SoC that it can run, and another legal one.

    `environ`: what it needs in the environment. `no_parser`: the codes by which it may refuse an unknown operator: GE
    9 has a new one. `checksummed`: whether a file of its kind can tell that one of its bits was changed. The emulator
    digests the whole file. A real `.om` has a field for a checksum whose algorithm is not published and which ATC
    leaves empty, so that a changed weight is a valid file of other weights; its identity is in the registry's digest.
    """

    make: Callable[[], Toolchain]
    soc: str
    other_soc: str
    environ: Callable[[], Mapping[str, str]] = dict
    no_parser: frozenset[str] = frozenset({"E19010"})
    checksummed: bool = False


TOOLCHAINS = {"emulator": Case(Emulator, "Ascend310P3", "Ascend910B3", checksummed=True), **cann_cases(Case)}


@pytest.fixture(params=sorted(TOOLCHAINS))
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    found = TOOLCHAINS[request.param]
    for name, value in found.environ().items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def toolchain(case: Case) -> Toolchain:
    return case.make()


@pytest.fixture
def soc(case: Case) -> str:
    return case.soc


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(contract_model().SerializeToString())
    return path


@pytest.fixture
def om(toolchain: Toolchain, onnx_file: Path, tmp_path: Path, soc: str) -> Path:
    path = tmp_path / "model.om"
    toolchain.compile(onnx_file, CompileOptions(soc_version=soc), path)
    return path


def image() -> "dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]":
    return {"image": np.random.default_rng(3).standard_normal((1, 3, 8, 8)).astype(np.float32)}


def test_it_says_who_it_is(toolchain: Toolchain) -> None:
    identity = toolchain.describe()
    assert identity == toolchain.describe()
    assert identity.name
    assert identity.version
    assert identity.cann


def test_a_compilation_leaves_one_file_and_a_log_of_success(
    toolchain: Toolchain, onnx_file: Path, tmp_path: Path, soc: str
) -> None:
    output = tmp_path / "out" / "model.om"
    output.parent.mkdir()
    made = toolchain.compile(onnx_file, CompileOptions(soc_version=soc), output)
    assert [path.name for path in output.parent.iterdir()] == ["model.om"]
    assert "ATC run success" in made.report.log
    assert made.info == toolchain.open(output, soc)


def test_an_om_says_what_it_is(toolchain: Toolchain, onnx_file: Path, om: Path, soc: str) -> None:
    info = toolchain.open(om, soc)
    assert info.onnx_sha256 == sha256_file(onnx_file)
    assert info.options.soc_version == soc
    assert info.toolchain == toolchain.describe()


def test_identity_is_of_the_work(toolchain: Toolchain, onnx_file: Path, om: Path, tmp_path: Path, soc: str) -> None:
    again, other = tmp_path / "again.om", tmp_path / "other.om"
    toolchain.compile(onnx_file, CompileOptions(soc_version=soc), again)
    toolchain.compile(onnx_file, CompileOptions(soc_version=soc, precision_mode="must_keep_origin_dtype"), other)
    same, changed = toolchain.open(again, soc).identity, toolchain.open(other, soc).identity
    assert toolchain.open(om, soc).identity == same != changed


def test_an_unknown_operator_is_refused_with_its_node(
    toolchain: Toolchain, tmp_path: Path, soc: str, case: Case
) -> None:
    path, output = tmp_path / "bad.onnx", tmp_path / "bad.om"
    path.write_bytes(contract_model("Convx").SerializeToString())
    with pytest.raises(CompileRefused) as caught:
        toolchain.compile(path, CompileOptions(soc_version=soc), output)
    (reason,) = caught.value.diagnostics
    assert reason.code in case.no_parser
    assert reason.nodes == ("activation",)
    assert "ATC run failed" in caught.value.log
    assert not output.exists()


def test_a_refusal_leaves_the_file_that_was_there(toolchain: Toolchain, om: Path, tmp_path: Path, soc: str) -> None:
    before = om.read_bytes()
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"no onnx")
    with pytest.raises(CompileRefused):
        toolchain.compile(path, CompileOptions(soc_version=soc), om)
    assert om.read_bytes() == before


def test_an_om_runs_under_the_models_own_names(toolchain: Toolchain, om: Path, soc: str) -> None:
    outputs = toolchain.infer(om, soc, image())
    assert list(outputs) == ["scores"]
    assert outputs["scores"].shape == (1, 5)
    assert outputs["scores"].dtype == np.float32
    assert np.isfinite(outputs["scores"]).all()


def test_the_same_input_gives_the_same_output(toolchain: Toolchain, om: Path, soc: str) -> None:
    first, second = (toolchain.infer(om, soc, image())["scores"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_session_runs_what_infer_runs(toolchain: Toolchain, om: Path, soc: str) -> None:
    with toolchain.session(om, soc) as run:
        first, second = run(image()), run(image())
    np.testing.assert_array_equal(first["scores"], second["scores"])
    np.testing.assert_array_equal(first["scores"], toolchain.infer(om, soc, image())["scores"])


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"picture": np.zeros((1, 3, 8, 8), np.float32)},
        {"image": np.zeros((2, 3, 8, 8), np.float32)},
        {"image": np.zeros((1, 3, 8, 8), np.float64)},
    ],
)
def test_wrong_inputs_are_named(
    toolchain: Toolchain, om: Path, wrong: "dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]", soc: str
) -> None:
    with pytest.raises(ValueError, match="image"):
        toolchain.infer(om, soc, wrong)


def test_a_comparison_has_every_layer_and_output(toolchain: Toolchain, onnx_file: Path, om: Path, soc: str) -> None:
    found = toolchain.compare(om, soc, onnx_file, image())
    compared = [layer.node for layer in found.layers]
    left_out = {each.node for each in found.not_compared}
    # A device fuses operators and never runs those that only name another shape: each is compared, or told why not.
    assert [node for node in NODES if node not in left_out] == compared
    assert left_out <= set(NODES) - {"gemm"}
    assert all(each.why for each in found.not_compared)
    assert [output.name for output in found.outputs] == ["scores"]
    assert found.outputs[0].cosine_similarity > 0.99
    assert found.origin == toolchain.describe().origin


def test_a_profile_is_of_this_om(toolchain: Toolchain, om: Path, soc: str) -> None:
    found = toolchain.profile(om, soc)
    assert (found.soc_version, found.batch) == (soc, 1)
    assert 0 < found.latency_ms.p50 <= found.latency_ms.p90 <= found.latency_ms.p99
    assert found.throughput == pytest.approx(1000 / found.latency_ms.p50, rel=0.5)
    assert 0 <= found.aicore_utilisation <= 1
    assert found.origin == toolchain.describe().origin


def test_another_soc_is_refused_with_the_command_that_rebuilds(toolchain: Toolchain, om: Path, case: Case) -> None:
    for verb in (toolchain.open, toolchain.profile):
        with pytest.raises(NotLoadable) as caught:
            verb(om, case.other_soc)
        assert "atc --framework=5" in str(caught.value)
        assert f"--soc_version={case.other_soc}" in str(caught.value)
    with pytest.raises(NotLoadable):
        toolchain.infer(om, case.other_soc, image())


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "header", "longer"])
def test_a_damaged_om_is_refused(toolchain: Toolchain, om: Path, damage: str, soc: str) -> None:
    data = om.read_bytes()
    om.unlink()
    changed = {"empty": b"", "cut": data[: len(data) // 2], "header": b"X" + data[1:], "longer": data + b"\0"}
    if damage in changed:
        om.write_bytes(changed[damage])
    with pytest.raises(NotLoadable, match=r"model\.om"):
        toolchain.open(om, soc)
    with pytest.raises(NotLoadable):
        toolchain.infer(om, soc, image())


CHECKSUMMED = sorted(name for name, case in TOOLCHAINS.items() if case.checksummed)


@pytest.mark.parametrize("case", CHECKSUMMED, indirect=True)
def test_a_changed_bit_is_noticed_where_the_file_carries_a_checksum(toolchain: Toolchain, om: Path, soc: str) -> None:
    data = om.read_bytes()
    middle = len(data) // 2
    om.unlink()
    om.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    with pytest.raises(NotLoadable, match=r"model\.om"):
        toolchain.open(om, soc)
    with pytest.raises(NotLoadable):
        toolchain.infer(om, soc, image())
