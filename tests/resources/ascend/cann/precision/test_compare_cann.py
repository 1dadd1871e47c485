"""A comparison on a device: culprits and victims, what is not compared, the trial without fusion."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import onnx
import pytest
from device_double import Device, Tools, floats, parse, to_nc1hwc0
from numpy.typing import NDArray

from resources.ascend.cann.errors import BadOutput, ToolFailed
from resources.ascend.cann.om import om_file
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.precision.compare import compare
from resources.ascend.cann.running import inference
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import BadLayer, Comparison, CompileRefused, Diagnostic
from resources.process import Completed

OPTIONS = CompileOptions(soc_version="Ascend310P3")

CHAIN = parse(
    """agraph (float[2, 8] x) => (float[2, 8] y) {
        a = Mul(x, w)
        b = Relu(a)
        c = Add(b, v)
        y = Tanh(c)
    }""",
    {"w": floats((8,), seed=1), "v": floats((8,), seed=2)},
)
X = floats((2, 8))


class Bench:
    """A place where a model is compared."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = tmp_path
        self.compiled: list[CompileOptions] = []
        self.unfused: Device | None = None
        self.broken: dict[str, Completed] = {}
        self.tools: Tools | None = None
        self.refusal: Exception | None = None
        monkeypatch.setattr(inference, "infer", self._infer)
        monkeypatch.setattr(om_file, "read", om)

    def _infer(
        self,
        site: Any,
        device: Any,  # noqa: ARG002
        held: OmFile,
        options: CompileOptions,  # noqa: ARG002
        inputs: Mapping[str, NDArray[Any]],
        *,
        acl_json: Path | None = None,
    ) -> dict[str, NDArray[Any]]:
        if held.path.name == "unfused.om":
            assert self.unfused is not None
            return self.unfused.run(inputs)
        assert acl_json is not None
        played = cast("Tools", site).device
        return played.run(inputs, _dump_folder(acl_json) / "20260101000000" / "0" / held.name / "1" / "0")

    def _recompile(self, path: Path, options: CompileOptions, output: Path) -> Sequence[str]:
        assert path.name == "model.onnx"
        self.compiled.append(options)
        if self.refusal:
            raise self.refusal
        output.write_bytes(b"")
        return ("ConvBatchnormFusionPass",)

    def compare(
        self, device: Device, inputs: Mapping[str, NDArray[Any]], options: CompileOptions = OPTIONS
    ) -> Comparison:
        file = self.path / "model.onnx"
        onnx.save(device.model, file)
        (self.path / "model.om").write_bytes(b"an om")
        self.tools = Tools(self.path / "cann", device, self.broken)
        npu = cast("Any", SimpleNamespace(logic=0))
        return compare(cast("Any", self.tools), npu, om(self.path / "model.om"), options, file, inputs, self._recompile)


def _dump_folder(acl_json: Path) -> Path:
    dump = json.loads(acl_json.read_text())["dump"]
    assert dump["dump_list"] == [{"model_name": "resnet"}]
    folder = Path(dump["dump_path"])
    assert folder.is_dir()
    return folder


def om(path: Path) -> OmFile:
    return cast("OmFile", SimpleNamespace(path=path, name="resnet", dynamic=False, command_line=""))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def names(found: Comparison) -> list[str]:
    return [layer.node for layer in found.layers]


def test_a_sound_model_has_small_errors_and_no_culprit(bench: Bench) -> None:
    found = bench.compare(Device(CHAIN), {"x": X})
    assert found.origin == "measured"
    assert names(found) == ["a", "b", "c", "y"]
    assert [layer.op for layer in found.layers] == ["Mul", "Relu", "Add", "Tanh"]
    assert all(layer.dtype == "float16" and layer.overflow == layer.underflow == 0 for layer in found.layers)
    assert all(0 <= layer.local_error < 1e-3 and layer.cosine_similarity > 0.999 for layer in found.layers)
    assert [output.name for output in found.outputs] == ["y"]
    assert 0 < found.outputs[0].relative_euclidean_distance < 1e-3
    assert found.first_bad_layer is None
    assert found.not_compared == ()
    assert found.fusion is None
    assert bench.compiled == []


def test_the_culprit_is_named_and_not_its_victims(bench: Bench) -> None:
    bench.unfused = Device(CHAIN, faults={"b": lambda a: a * np.float16(1.5)})
    found = bench.compare(bench.unfused, {"x": X})
    distances = {layer.node: layer.relative_euclidean_distance for layer in found.layers}
    own = {layer.node: layer.local_error for layer in found.layers}
    assert min(distances["b"], distances["c"], distances["y"]) > 0.05
    assert own["b"] == pytest.approx(0.5, rel=0.01)
    assert max(own["a"], own["c"], own["y"]) < 1e-3
    assert found.first_bad_layer is not None
    assert found.first_bad_layer.node == "b"
    assert found.fusion is not None
    assert found.fusion.verdict == "arithmetic"
    assert found.fusion.passes == ()
    assert [dict(options.fusion_switches) for options in bench.compiled] == [{"ALL": "off"}]


WIDE = parse(
    """agraph (float[4, 16] x) => (float[4, 16] y) {
        a = MatMul(x, w)
        b = Tanh(a)
        c = MatMul(x, w)
        d = Sigmoid(c)
        e = Mul(b, d)
        y = Add(e, x)
    }""",
    {"w": floats((16, 16), scale=0.3, seed=4)},
)


@pytest.mark.parametrize("convertible", [True, False])
@pytest.mark.parametrize("node", ["a", "b", "c", "d", "e", "y"])
def test_whichever_operator_is_broken_is_the_culprit(bench: Bench, node: str, *, convertible: bool) -> None:
    if not convertible:
        bench.broken["convert"] = Completed(("python3", "msaccucmp.py", "convert"), 4, "", "[ERROR] cannot", 0.1)
    bench.unfused = device = Device(WIDE, faults={node: lambda a: a[::-1].copy()})
    found = bench.compare(device, {"x": floats((4, 16))})
    assert found.first_bad_layer is not None
    assert found.first_bad_layer.node == node


def test_an_overflow_is_counted_and_explained(bench: Bench) -> None:
    model = parse("agraph (float[1, 4] x) => (float[1, 4] y) { a = Mul(x, x) b = Sqrt(a) y = Tanh(b) }")
    bench.unfused = Device(model)
    found = bench.compare(bench.unfused, {"x": np.array([[1, 2, 400, 900]], np.float32)})
    first = found.layers[0]
    assert (first.node, first.overflow) == ("a", 2)
    assert math.isinf(first.local_error) or math.isnan(first.local_error)
    assert found.first_bad_layer == BadLayer(
        node="a",
        op="Mul",
        cause="overflow: 2 of 4 results are beyond FP16's 65504 (in FP32 up to 8.1e+05); "
        "the model's outputs stay within limits on these inputs",
    )


def test_a_device_that_saturates_overflows_too(bench: Bench) -> None:
    model = parse("agraph (float[1, 4] x) => (float[1, 4] y) { a = Mul(x, x) y = Sqrt(a) }")
    device = Device(model, faults={"a": lambda a: np.clip(a, -65504, 65504)})
    bench.unfused = device
    found = bench.compare(device, {"x": np.array([[1, 2, 400, 900]], np.float32)})
    assert found.layers[0].overflow == 2
    assert found.first_bad_layer is not None
    assert found.first_bad_layer.cause.startswith("overflow: 2 of 4 results are beyond FP16's 65504")


def test_underflow_is_counted_on_the_dump(bench: Bench) -> None:
    model = parse("agraph (float[1, 4] x) => (float[1, 4] y) { a = Mul(x, x) y = Exp(a) }")
    found = bench.compare(Device(model), {"x": np.array([[1, 2, 1e-3, 1e-5]], np.float32)})
    assert found.layers[0].underflow == 2


class TestFused:
    GROUP: Mapping[str, Sequence[str]] = {"c": ("a", "b", "c")}

    def test_its_result_is_the_last_nodes_and_the_others_say_so(self, bench: Bench) -> None:
        found = bench.compare(Device(CHAIN, groups=self.GROUP), {"x": X})
        assert names(found) == ["c", "y"]
        assert [(entry.node, entry.op) for entry in found.not_compared] == [("a", "Mul"), ("b", "Relu")]
        assert all("fused into the device's operator c" in entry.why for entry in found.not_compared)
        assert all(layer.local_error < 1e-3 for layer in found.layers)

    def test_it_is_computed_again_as_a_whole(self, bench: Bench) -> None:
        device = Device(CHAIN, groups=self.GROUP, faults={"c": lambda a: a + np.float16(4)})
        bench.unfused = Device(CHAIN)
        found = bench.compare(device, {"x": X})
        assert found.first_bad_layer is not None
        assert found.first_bad_layer.node == "c"
        assert "the device computes it in one operator with a, b" in found.first_bad_layer.cause
        assert found.layers[0].local_error > 0.05
        assert found.layers[1].local_error < 1e-3

    def test_an_error_that_goes_without_fusion_is_fusions(self, bench: Bench) -> None:
        device = Device(CHAIN, groups=self.GROUP, faults={"c": lambda a: a + np.float16(4)})
        bench.unfused = Device(CHAIN)
        found = bench.compare(device, {"x": X})
        assert found.fusion is not None
        assert found.fusion.verdict == "fusion"
        assert found.fusion.fused > 0.05 > found.fusion.unfused
        assert found.fusion.passes == ("ConvBatchnormFusionPass",)
        assert bench.compiled[1] == OPTIONS

    def test_a_trial_that_fails_leaves_the_comparison(self, bench: Bench) -> None:
        bench.refusal = CompileRefused((Diagnostic(code="E19999", message="no"),), "")
        found = bench.compare(Device(CHAIN, faults={"y": lambda a: -a}), {"x": X})
        assert found.first_bad_layer is not None
        assert found.fusion is None
        assert bench.tools is not None
        assert "no trial without fusion: E19999: no" in bench.tools.said


def test_an_operator_without_a_dump_is_not_compared_and_blames_nobody(bench: Bench) -> None:
    found = bench.compare(Device(CHAIN, skipped=frozenset({"b"})), {"x": X})
    assert names(found) == ["a", "c", "y"]
    assert [(entry.node, entry.why) for entry in found.not_compared] == [
        ("b", "[b] There is no left dump file for the op, Conv2D.")
    ]
    assert all(layer.local_error < 1e-3 for layer in found.layers)
    assert bench.tools is not None
    assert "msaccucmp: no dump of some operators; what it compared stands" in bench.tools.said


def test_dumps_that_cannot_be_converted_leave_the_tables_figures(bench: Bench) -> None:
    bench.broken["convert"] = Completed(("python3", "msaccucmp.py", "convert"), 4, "", "[ERROR] cannot", 0.1)
    bench.unfused = device = Device(CHAIN, faults={"b": lambda a: a * np.float16(1.5)})
    found = bench.compare(device, {"x": X})
    assert names(found) == ["a", "b", "c", "y"]
    assert found.first_bad_layer is not None
    assert found.first_bad_layer.node == "b"
    assert "the accumulated error grows by" in found.first_bad_layer.cause
    assert [entry.node for entry in found.not_compared] == ["a", "b", "c", "y"]
    assert all("overflow and underflow were not counted" in entry.why for entry in found.not_compared)
    assert bench.tools is not None
    assert any("a dump file that it cannot read" in words for words in bench.tools.said)


def test_the_devices_layout_is_undone(bench: Bench) -> None:
    model = parse(
        "agraph (float[1, 3, 5, 4] x) => (float[1, 20, 5, 4] y) { a = Conv<kernel_shape = [1, 1]>(x, w) y = Relu(a) }",
        {"w": floats((20, 3, 1, 1))},
    )
    found = bench.compare(Device(model, layout=to_nc1hwc0), {"x": floats((1, 3, 5, 4))})
    assert found.not_compared == ()
    assert all(0 <= layer.local_error < 1e-3 and not layer.underflow for layer in found.layers)


def test_several_outputs_and_integers(bench: Bench) -> None:
    model = parse(
        """agraph (float[2, 8] x) => (float[2, 4] y, int64[2, 1] k) {
            p, q = Split<axis = 1>(x)
            y = Add(p, q)
            k = ArgMax<axis = 1>(q)
        }"""
    )
    found = bench.compare(Device(model), {"x": X})
    assert names(found) == ["p", "y", "k"]
    assert [output.name for output in found.outputs] == ["y", "k"]
    assert found.layers[-1].dtype == "other"
    assert found.layers[-1].local_error == 0


def test_a_model_in_fp16_and_a_constant_that_the_compiler_folds(bench: Bench) -> None:
    model = parse(
        """agraph (float[2, 4] x) => (float[2, 4] y) {
            two = Constant<value = float[1] {2.0}>()
            four = Mul(two, two)
            y = Mul(x, four)
        }"""
    )
    device = Device(model, groups={"y": ("four", "y")})
    found = bench.compare(device, {"x": floats((2, 4))})
    assert names(found) == ["y"]
    why = {entry.node: entry.why for entry in found.not_compared}
    assert "the compiler computed it" in why["two"]
    assert "fused into" in why["four"]


def test_names_that_dumps_do_not_tell_apart_are_not_compared(bench: Bench) -> None:
    model = parse("agraph (float[2, 8] x) => (float[2, 8] y) { a = Tanh(x) b = Exp(a) y = Neg(b) }")
    model.graph.node[0].name, model.graph.node[1].name = "m/a", "m.a"
    found = bench.compare(Device(model), {"x": X})
    assert names(found) == ["y"]
    assert [entry.node for entry in found.not_compared] == ["m/a", "m.a"]
    assert all("which dumps do not tell apart" in entry.why for entry in found.not_compared)


class TestBehindAipp:
    """Images go into the device; the reference starts from what AIPP made of them there."""

    MODEL = parse("agraph (float[N, 3, 4, 6] x, float[1] k) => (float[N, 3, 4, 6] y) { a = Mul(x, k) y = Tanh(a) }")
    OPTIONS = CompileOptions.model_validate(
        {
            "soc_version": "Ascend310P3",
            "aipp": [
                {"aipp_mode": "static", "input_format": "RGB888_U8", "src_image_size_w": 6, "src_image_size_h": 4}
            ],
        }
    )
    IMAGES: NDArray[Any] = np.random.default_rng(5).integers(0, 256, (2, 4, 6, 3), np.uint8)

    @staticmethod
    def prepare(images: NDArray[Any]) -> NDArray[Any]:
        return (images.transpose(0, 3, 1, 2) - 128.0) / 64

    def inputs(self) -> dict[str, NDArray[Any]]:
        return {"x": self.IMAGES, "k": np.ones(1, np.float32)}

    @pytest.mark.parametrize("layout", [to_nc1hwc0, lambda array: array])
    def test_every_layer_is_compared(self, bench: Bench, layout: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        device = Device(self.MODEL, aipp={"x": self.prepare}, layout=layout)
        found = bench.compare(device, self.inputs(), self.OPTIONS)
        assert names(found) == ["a", "y"]
        assert all(layer.local_error < 1e-3 and layer.cosine_similarity > 0.999 for layer in found.layers)
        assert found.outputs[0].relative_euclidean_distance < 1e-3

    def test_what_the_device_kept_nothing_of_is_computed(self, bench: Bench) -> None:
        """As where AIPP is fused with the first convolution: nothing of its own is dumped."""
        (plain,) = self.OPTIONS.aipp
        scale = {"mean_chn": (128,) * 3, "var_reci_chn": (1 / 64,) * 3}
        device = Device(self.MODEL, aipp={"x": self.prepare}, keeps_aipp=False)
        options = self.OPTIONS.model_copy(update={"aipp": (plain.model_copy(update=scale),)})
        found = bench.compare(device, self.inputs(), options)
        assert found.outputs[0].relative_euclidean_distance < 1e-3
        assert bench.tools is not None
        assert "the device kept nothing that AIPP made of input 'x': it is computed here" in bench.tools.said

    def test_what_can_be_neither_found_nor_computed_is_named(self, bench: Bench) -> None:
        images = {"x": self.IMAGES[:, :3], "k": np.ones(1, np.float32)}
        device = Device(self.MODEL, aipp={"x": lambda _: np.zeros((2, 3, 4, 6))}, keeps_aipp=False)
        with pytest.raises(BadOutput, match=r"dumped nothing that AIPP made of the input 'x'.*uint8 of \(2, 4, 6, 3\)"):
            bench.compare(device, images, self.OPTIONS)

    def test_an_operator_before_no_input_is_named(self, bench: Bench) -> None:
        wrong = [
            {
                "aipp_mode": "static",
                "input_format": "RGB888_U8",
                "src_image_size_w": 6,
                "src_image_size_h": 4,
                "related_input_rank": 7,
            }
        ]
        options = CompileOptions.model_validate({"soc_version": "Ascend310P3", "aipp": wrong})
        with pytest.raises(ValueError, match="aipp stands before input 7, which the model does not have"):
            bench.compare(Device(self.MODEL, aipp={"x": self.prepare}), self.inputs(), options)

    def test_operators_are_known_by_their_names(self, bench: Bench) -> None:
        """The second input's ran first; GE names an operator for its input."""
        model = parse("agraph (float[2, 3, 4, 6] x, float[2, 3, 4, 6] z) => (float[2, 3, 4, 6] y) { y = Sub(x, z) }")
        (plain,) = self.OPTIONS.aipp
        both = (plain.model_copy(update={"related_input_rank": 1}), plain)
        halves = {"z": lambda images: self.prepare(images) / 2, "x": self.prepare}
        device = Device(model, aipp=halves, aipp_names=("z_0_aipp", "x_0_aipp"))
        inputs = {"x": self.IMAGES, "z": self.IMAGES[::-1]}
        found = bench.compare(device, inputs, self.OPTIONS.model_copy(update={"aipp": both}))
        assert found.outputs[0].relative_euclidean_distance < 1e-3

    @pytest.mark.parametrize(
        ("shape", "gears"), [((2, 3, 4, 6), {}), ((2, 3, -1, -1), {"dynamic_image_size": ((8, 6), (4, 6))})]
    )
    def test_a_shape_that_the_file_leaves_open_is_the_compiled_one(
        self, bench: Bench, shape: tuple[int, ...], gears: dict[str, Any]
    ) -> None:
        model = parse("agraph (float[N, 3, H, W] x) => (float[N, 3, H, W] y) { y = Tanh(x) }")
        image = {"aipp_mode": "static", "input_format": "RGB888_U8"}
        options = CompileOptions.model_validate(
            {"soc_version": "Ascend310P3", "aipp": [image], "input_shape": {"x": shape}, **gears}
        )
        found = bench.compare(Device(model, aipp={"x": self.prepare}), {"x": self.IMAGES}, options)
        assert found.outputs[0].relative_euclidean_distance < 1e-3

    def test_a_shape_that_nobody_knows_is_named(self, bench: Bench) -> None:
        model = parse("agraph (float[2, 3, H, 6] x) => (float[2, 3, H, 6] y) { y = Tanh(x) }")
        with pytest.raises(ValueError, match="input 'x' has an open shape behind AIPP"):
            bench.compare(Device(model, aipp={"x": self.prepare}), {"x": self.IMAGES}, self.OPTIONS)


class TestRefusals:
    def test_a_wrong_input(self, bench: Bench) -> None:
        with pytest.raises(ValueError, match="missing x"):
            bench.compare(Device(CHAIN), {})

    def test_a_comparison_of_nothing(self, bench: Bench) -> None:
        device = Device(CHAIN, skipped=frozenset({"a", "b", "c"}), groups={"y": ("y",)})
        device.skipped = frozenset({"a", "b", "c", "y"})
        with pytest.raises(BadOutput, match="the device dumped nothing"):
            bench.compare(device, {"x": X})

    def test_an_om_that_atc_cannot_read(self, bench: Bench) -> None:
        bench.broken["atc"] = Completed(("atc",), 255, "E10001", "", 0.1)
        with pytest.raises(ToolFailed, match=r"atc --mode=1 wrote nothing .* \(exit code 255\)"):
            bench.compare(Device(CHAIN), {"x": X})
