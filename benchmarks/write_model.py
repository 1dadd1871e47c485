"""Write a model to try things on: `python -m benchmarks.write_model NAME FILE`.

`resnet50` and the networks of the calibration have random weights. `masked_attention` is one attention head whose mask
is float32's lowest number, as exporters write it: harmless in FP32, infinite in FP16.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.reference_models import PUBLISHED, resnet50


def masked_attention(tokens: int = 16, width: int = 64) -> onnx.ModelProto:
    """One head of self-attention with an additive mask; `x` (1, tokens, width), `mask` (1, tokens) of 0 and 1."""
    rng = np.random.default_rng(0)

    def weight(name: str) -> onnx.TensorProto:
        return numpy_helper.from_array((rng.standard_normal((width, width)) / width**0.5).astype(np.float32), name)

    lowest = np.array(np.finfo(np.float32).min, np.float32)
    constants = {"one": np.array(1, np.float32), "lowest": lowest, "scale": np.array(width**0.5, np.float32)}
    nodes = [
        *(helper.make_node("MatMul", ["x", f"w{p}"], [p], name=f"project_{p}") for p in "qkv"),
        helper.make_node("Transpose", ["k"], ["kt"], name="transpose_k", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "kt"], ["qk"], name="scores"),
        helper.make_node("Div", ["qk", "scale"], ["scaled"], name="scale_scores"),
        helper.make_node("Sub", ["one", "mask"], ["hidden"], name="invert_mask"),
        helper.make_node("Mul", ["hidden", "lowest"], ["bias"], name="mask_bias"),
        helper.make_node("Add", ["scaled", "bias"], ["masked"], name="mask_scores"),
        helper.make_node("Softmax", ["masked"], ["weights"], name="softmax", axis=-1),
        helper.make_node("MatMul", ["weights", "v"], ["y"], name="attend"),
    ]
    graph = helper.make_graph(
        nodes,
        "masked_attention",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, tokens, width]),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, tokens]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, tokens, width])],
        [*(weight(f"w{p}") for p in "qkv"), *(numpy_helper.from_array(v, n) for n, v in constants.items())],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main() -> None:
    """Write one model."""
    names = ("masked_attention", "resnet50", *PUBLISHED)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=names)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    if arguments.name == "masked_attention":
        model = masked_attention()
    elif arguments.name == "resnet50":
        model = resnet50(1, "random")
    else:
        model = PUBLISHED[arguments.name](1, "random")
    onnx.save(model, arguments.file)
    print(f"{arguments.file}: {arguments.file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
