"""A model of images for a target with AIPP: small enough for a test, real enough for every stage."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE, SOURCE, BATCH, SAMPLES = 8, 12, 4, 24
MEAN, SCALE = (120, 110, 100), (0.015625, 0.03125, 0.0078125)
AIPP: dict[str, Any] = {
    "aipp_mode": "static",
    "input_format": "RGB888_U8",
    "src_image_size_w": SOURCE,
    "src_image_size_h": SOURCE,
    "crop": True,
    "load_start_pos_w": 2,
    "load_start_pos_h": 4,
    "crop_size_w": SIDE,
    "crop_size_h": SIDE,
    "rbuv_swap_switch": True,
    "mean_chn": list(MEAN),
    "var_reci_chn": list(SCALE),
}


def images() -> NDArray[np.uint8]:
    """(samples, height, width, channels), blue first."""
    return np.random.default_rng(3).integers(0, 256, (SAMPLES, SOURCE, SOURCE, 3), np.uint8)


def preprocessed(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a user's own program made of the images for the FP32 model."""
    cut = pictures[:, 4 : 4 + SIDE, 2 : 2 + SIDE, ::-1].astype(np.float32)
    scaled = (cut - np.array(MEAN, np.float32)) * np.array(SCALE, np.float32)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def model() -> onnx.ModelProto:
    random = np.random.default_rng(5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Flatten", ["r"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "g"], ["logits"], name="gemm"),
    ]
    weights = [
        numpy_helper.from_array(random.standard_normal((8, 3, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(random.standard_normal((8 * SIDE * SIDE, 5)).astype(np.float32), "g"),
    ]
    graph = helper.make_graph(
        nodes,
        "imaged",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 5])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def arrays() -> dict[str, NDArray[Any]]:
    """Evaluation data whose labels are what the model says in FP32."""
    from resources.onnx_files.sessions import reference

    x = preprocessed(images())
    (logits,) = reference(model()).run({"x": x}).values()
    return {"x": x, "x.image": images(), "labels": logits.argmax(axis=1)}


def write_imaged(
    folder: Path, soc: str, *, name: str = "tiny", data: dict[str, NDArray[Any]] | None = None, **options: Any
) -> None:
    """Write model, definition and, unless `data` is empty, evaluation data. `options` are the target's."""
    onnx.save(model(), folder / "model.onnx")
    given = arrays() if data is None else data
    (folder / "evaluation.npz").unlink(missing_ok=True)
    if given:
        np.savez(folder / "evaluation.npz", **given)  # type: ignore[arg-type]
    target = {"soc_version": soc, "batch": BATCH, "aipp": [AIPP], **options}
    attributes = {
        "name": name,
        "task": "classification",
        "source": {"onnx": "model.onnx"},
        "inputs": [{"name": "x", "shape": ["batch", 3, SIDE, SIDE]}],
        "targets": [target],
        **({"evaluation": {"metric": "top1", "data": "evaluation.npz"}} if given else {}),
        "owners": ["team:vision"],
    }
    definition = {"type": "ascend_assets.component.AscendModel", "attributes": attributes}
    (folder / "defs.yaml").write_text(yaml.safe_dump(definition, sort_keys=False))
