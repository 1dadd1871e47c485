"""The shipped model: trained once here by its own entry, as a candidate would be."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from packaging.requirements import Requirement

from ascend_assets import evaluation, models
from ascend_assets.assets import onnx as onnx_stage
from ascend_assets.assets.onnx import Exported
from ascend_assets.spec import ModelSpec
from resources.ascend.emulator.registration import is_registered

ROOT = Path(__file__).resolve().parents[4]
FOLDER = ROOT / "ascend_assets" / "defs" / "digits_cnn"
SMALLEST_NORMAL, LARGEST = 2.0**-14, 65504.0


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return models.load(FOLDER)


@pytest.fixture(scope="module")
def printed() -> list[str]:
    return []


@pytest.fixture(scope="module")
def exported(spec: ModelSpec, printed: list[str], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return onnx_stage.export(spec, FOLDER, tmp_path_factory.mktemp("digits"), on_line=printed.append)


@pytest.fixture(scope="module")
def model(exported: Exported) -> onnx.ModelProto:
    return onnx.load(exported.onnx)


def test_accuracy_on_held_out_digits(spec: ModelSpec, exported: Exported) -> None:
    assert exported.evaluation is not None
    data = evaluation.load(exported.evaluation, spec.inputs)
    session = onnxruntime.InferenceSession(str(exported.onnx), providers=["CPUExecutionProvider"])
    logits = session.run(["logits"], dict(data.inputs))[0]
    assert data.samples == 600
    assert evaluation.score("top1", logits, data.labels).mean() >= 0.98


def test_one_line_says_how_accurate_it_is(exported: Exported, printed: list[str]) -> None:
    assert exported.onnx.is_file()
    assert len(printed) == 1
    assert printed[0].startswith("accuracy 0.9")


def test_held_out_images_were_not_trained_on(spec: ModelSpec, exported: Exported) -> None:
    from sklearn.datasets import load_digits

    assert exported.evaluation is not None
    data = evaluation.load(exported.evaluation, spec.inputs)
    held_out = {image.tobytes() for image in data.inputs["image"]}
    everything = [(image / 16).astype(np.float32).tobytes() for image in load_digits().images]
    assert held_out <= set(everything)
    assert sum(image not in held_out for image in everything) == len(everything) - data.samples


def test_training_again_gives_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONHASHSEED": "7"}
    subprocess.run(
        [sys.executable, str(FOLDER / "train.py"), "--output", str(tmp_path)], check=True, env=environment, timeout=60
    )
    assert exported.evaluation is not None
    assert (tmp_path / "model.onnx").read_bytes() == exported.onnx.read_bytes()
    assert (tmp_path / "evaluation.npz").read_bytes() == exported.evaluation.read_bytes()


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some digits, white on black."""
    from sklearn.datasets import load_digits

    path = tmp_path_factory.mktemp("more") / "more.npz"
    digits = load_digits()
    images = (1 - digits.images[:600, None] / 16).astype(np.float32)
    np.savez(path, image=images, labels=digits.target[:600].astype(np.int64))
    return path


def test_more_images_are_learnt_and_the_evaluation_data_stays(
    spec: ModelSpec, exported: Exported, more: Path, tmp_path: Path
) -> None:
    again = onnx_stage.export(spec, FOLDER, tmp_path / "again", data=more)
    assert exported.evaluation is not None
    assert again.evaluation is not None
    assert again.evaluation.read_bytes() == exported.evaluation.read_bytes()
    inverted = np.load(more)
    before, after = (
        onnxruntime.InferenceSession(str(model.onnx), providers=["CPUExecutionProvider"]).run(
            ["logits"], {"image": inverted["image"]}
        )[0]
        for model in (exported, again)
    )
    labels = inverted["labels"]
    assert (before.argmax(axis=1) == labels).mean() < 0.5
    assert (after.argmax(axis=1) == labels).mean() > 0.9


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"image": np.zeros((3, 1, 9, 9), np.float32), "labels": np.zeros(3, np.int64)}, "need (n, 1, 8, 8)"),
        ({"image": np.zeros((3, 1, 8, 8), np.float32), "labels": np.zeros(2, np.int64)}, "need (n, 1, 8, 8)"),
        ({"image": np.zeros((3, 1, 8, 8), np.float32), "labels": np.full(3, 10)}, "a label is none of 0 to 9"),
        ({"image": np.full((3, 1, 8, 8), np.nan, np.float32), "labels": np.zeros(3, np.int64)}, "a pixel is no number"),
    ],
    ids=["size", "count", "class", "nan"],
)
def test_images_that_are_none_are_refused(arrays: dict[str, np.ndarray], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "more.npz", **arrays)  # type: ignore[arg-type]
    done = subprocess.run(
        [sys.executable, str(FOLDER / "train.py"), "--output", str(tmp_path), "--data", str(tmp_path / "more.npz")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode
    assert said in done.stderr
    assert not (tmp_path / "model.onnx").exists()


def test_graph_is_named_and_open_only_at_the_batch(spec: ModelSpec, model: onnx.ModelProto) -> None:
    def dims(value: onnx.ValueInfoProto) -> tuple[int | str, ...]:
        return tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim)

    assert {i.name: dims(i) for i in model.graph.input} == {"image": spec.inputs[0].shape}
    assert {o.name: dims(o) for o in model.graph.output} == {"logits": ("batch", 10)}
    assert model.ir_version == 7
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 13)]
    onnx.checker.check_model(model, full_check=True)


def test_every_operator_is_registered_by_cann(model: onnx.ModelProto) -> None:
    operators = [node.op_type for node in model.graph.node]
    assert operators == ["Conv", "Relu", "AveragePool", "Flatten", "Gemm"]
    assert all(is_registered("ai.onnx", 13, operator) for operator in operators)


def test_weights_and_activations_lie_well_inside_fp16(model: onnx.ModelProto) -> None:
    for weight in model.graph.initializer:
        magnitudes = np.abs(onnx.numpy_helper.to_array(weight))
        assert magnitudes.max() < 100, weight.name
        assert (magnitudes < SMALLEST_NORMAL).mean() < 0.01, weight.name
    open_up = onnx.ModelProto()
    open_up.CopyFrom(model)
    open_up.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(node.output[0]) for node in model.graph.node[:-1]
    )
    session = onnxruntime.InferenceSession(open_up.SerializeToString(), providers=["CPUExecutionProvider"])
    worst = np.ones((1, 1, 8, 8), dtype=np.float32)
    assert max(float(np.abs(layer).max()) for layer in session.run(None, {"image": worst})) < LARGEST / 100


def test_requirements_are_the_versions_of_the_lock() -> None:
    locked = {
        line.rstrip(" \\") for line in (ROOT / "requirements.lock").read_text().splitlines() if line[:1].isalnum()
    }
    lines = (FOLDER / "requirements.txt").read_text().splitlines()
    required = [Requirement(line) for line in lines if not line.startswith("#")]
    assert {str(Requirement(line)) for line in locked} >= {str(requirement) for requirement in required}


def test_requirements_name_everything_that_the_entry_imports() -> None:
    imported = {
        line.split()[1].split(".")[0].replace("sklearn", "scikit-learn")
        for line in (FOLDER / "train.py").read_text().splitlines()
        if line.startswith(("import ", "from "))
    }
    lines = (FOLDER / "requirements.txt").read_text().splitlines()
    required = {Requirement(line).name for line in lines if not line.startswith("#")}
    assert imported - set(sys.stdlib_module_names) == required
