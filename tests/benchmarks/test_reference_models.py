"""The reference networks: torchvision's parameter counts, and shapes that ONNX itself infers."""

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
import pytest

from benchmarks.held_out_models import HELD_OUT
from benchmarks.reference_models import PUBLISHED, Builder, parameters, resnet18, resnet50

ALL: Mapping[str, Builder] = {**PUBLISHED, **HELD_OUT}
EXACT = ["alexnet", "vgg16"]


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        # torchvision counts normalisations' scales and offsets too, which are folded here.
        ("alexnet", 61.101),
        ("densenet121", 7.979),
        ("googlenet", 6.625),
        ("inceptionv3", 23.835),
        ("mobilenetv2", 3.505),
        ("resnet101", 44.549),
        ("resnet18", 11.690),
        ("resnet50", 25.557),
        ("shufflenetv2", 2.279),
        ("vgg16", 138.358),
        ("squeezenet1_1", 1.235),
        ("mobilenetv3_small", 2.543),
        ("vit_base_patch16_224", 86.568),
        ("vit_base_patch32_224", 88.224),
        ("yolov5s", 7.235),
    ],
)
def test_a_network_has_the_parameters_of_its_original(name: str, millions: float) -> None:
    assert parameters(ALL[name](1, "absent")) / 1e6 == pytest.approx(millions, rel=1e-4 if name in EXACT else 0.01)


@pytest.mark.parametrize("name", sorted(ALL))
def test_stated_shapes_are_those_that_onnx_infers(name: str) -> None:
    model = ALL[name](2, "absent")
    stated = {value.name: value for value in model.graph.value_info}
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(bare, strict_mode=True).graph.value_info
    assert len(inferred) == len(stated)
    for value in inferred:
        expected = [d.dim_value for d in stated[value.name].type.tensor_type.shape.dim]
        assert [d.dim_value for d in value.type.tensor_type.shape.dim] == expected, value.name


def test_random_weights_make_a_network_that_runs_and_keeps_its_signal() -> None:
    model = resnet18(1, "random")
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"x": np.random.default_rng(1).standard_normal((1, 3, 224, 224), np.float32)})
    assert logits.shape == (1, 1000)
    assert 1e-3 < float(np.std(logits)) < 1e3


def test_random_weights_are_the_same_every_time() -> None:
    assert resnet50(1, "random").SerializeToString() == resnet50(1, "random").SerializeToString()


def test_zero_weights_are_whole_files() -> None:
    onnx.checker.check_model(resnet50(1, "zero"))
