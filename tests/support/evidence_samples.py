"""A complete candidate's evidence that passes every gate in dev, built by hand; tests change one thing at a time."""

from typing import Any

from ascend_assets.gates.release import Evidence
from ascend_assets.records import (
    BenchmarkRecord,
    LintCount,
    LintRecord,
    OmRecord,
    OnnxRecord,
    PrecisionRecord,
    SourceRecord,
    TaskMetric,
)
from ascend_assets.spec import ModelSpec
from resources.ascend.toolchain import (
    Comparison,
    CompileReport,
    ErrorBand,
    Latency,
    LayerComparison,
    OmInfo,
    Origin,
    OutputComparison,
    Profile,
    ToolchainIdentity,
)
from resources.onnx_files.signature import Signature, TensorType
from resources.store.blobs import Artefact

LOCK = "c" * 64
TARGET = "Ascend310P3"


def spec(**fields: Any) -> ModelSpec:
    content: dict[str, Any] = {
        "name": "digits",
        "task": "image classification",
        "source": {"onnx": "model.onnx"},
        "inputs": [{"name": "image", "shape": ["batch", 1, 8, 8]}],
        "targets": [{"soc_version": TARGET, "batch": 8}],
    }
    return ModelSpec.model_validate({**content, **fields})


def toolchain(origin: Origin = "emulated", **fields: Any) -> ToolchainIdentity:
    content = {"name": "emulator", "version": "1a2b3c", "cann": "8.1.RC1", "origin": origin}
    return ToolchainIdentity.model_validate({**content, **fields})


def source(**fields: Any) -> SourceRecord:
    content: dict[str, Any] = {
        "key": "1" * 64,
        "made_from": {},
        "model": "digits",
        "candidate": "20261120-1403-git-1a2b3c4d5e6f",
        "commit": "a" * 40,
        "author": "Ada <ada@example.org>",
        "dirty": False,
        "archive": Artefact(sha256="5" * 64, size=10, name="source.tar"),
    }
    return SourceRecord.model_validate({**content, **fields})


def onnx(made_from: SourceRecord, **fields: Any) -> OnnxRecord:
    signature = Signature(
        inputs=(TensorType(name="image", dtype="float32", shape=(-1, 1, 8, 8)),),
        outputs=(TensorType(name="logits", dtype="float32", shape=(-1, 10)),),
    )
    content: dict[str, Any] = {
        "key": "2" * 64,
        "made_from": {"source": made_from.data_version},
        "file": Artefact(sha256="6" * 64, size=10, name="model.onnx"),
        "signature": signature,
        "evaluation": None,
    }
    return OnnxRecord.model_validate({**content, **fields})


def counts(**values: float | None) -> tuple[LintCount, ...]:
    """Clean counts; a criterion given here has that value, None for not judged."""
    clean: dict[str, float | None] = {
        "onnx_checker": 0,
        "opset": 17,
        "operators_registered": 0,
        "dynamic_dims": 0,
        "model_safety": 0,
        "code_style": 0,
        "pinned_dependencies": 0,
        "cann_version": 0,
        "cve_high": 0,
    }
    return tuple(
        LintCount(criterion=name, judged=value is not None, value=value, note="" if value is not None else "no tool")
        for name, value in {**clean, **values}.items()
    )


def lint(made_from: tuple[SourceRecord, OnnxRecord], **fields: Any) -> LintRecord:
    first, second = made_from
    content: dict[str, Any] = {
        "key": "3" * 64,
        "made_from": {"source": first.data_version, "onnx": second.data_version},
        "counts": counts(),
    }
    return LintRecord.model_validate({**content, **fields})


def om(model: ModelSpec, of: OnnxRecord, after: LintRecord, origin: Origin = "emulated", **fields: Any) -> OmRecord:
    target = model.targets[0]
    info = OmInfo(
        identity="8" * 64,
        onnx_sha256=of.file.sha256,
        options=target.options(model.inputs),
        toolchain=toolchain(origin),
    )
    content: dict[str, Any] = {
        "key": "4" * 64,
        "made_from": {"onnx": of.data_version, "lint": after.data_version},
        "target": target.key,
        "file": Artefact(sha256="7" * 64, size=10, name="digits.om"),
        "info": info,
        "report": CompileReport(),
    }
    return OmRecord.model_validate({**content, **fields})


def layer(index: int = 0, **fields: Any) -> LayerComparison:
    content: dict[str, Any] = {
        "index": index,
        "node": f"Conv_{index}",
        "op": "Conv",
        "dtype": "float16",
        "cosine_similarity": 0.99999,
        "max_absolute_error": 0.001,
        "relative_euclidean_distance": 0.0004,
        "overflow": 0,
        "underflow": 0,
        "local_error": 0.0003,
    }
    return LayerComparison.model_validate({**content, **fields})


def output(**fields: Any) -> OutputComparison:
    content: dict[str, Any] = {
        "name": "logits",
        "cosine_similarity": 0.99998,
        "max_absolute_error": 0.002,
        "accumulated_relative_error": 0.4,
        "relative_euclidean_distance": 0.0005,
        "kullback_leibler_divergence": 1e-7,
        "mean_absolute_error": 0.0004,
        "root_mean_square_error": 0.0006,
        "max_relative_error": 0.05,
        "mean_relative_error": 0.001,
        "non_finite": 0,
    }
    return OutputComparison.model_validate({**content, **fields})


def comparison(origin: Origin = "emulated", **fields: Any) -> Comparison:
    content: dict[str, Any] = {
        "origin": origin,
        "layers": (layer(0), layer(1)),
        "outputs": (output(),),
        "first_bad_layer": None,
    }
    return Comparison.model_validate({**content, **fields})


def precision(of: OnnxRecord, compiled: OmRecord, origin: Origin = "emulated", **fields: Any) -> PrecisionRecord:
    content: dict[str, Any] = {
        "key": "9" * 64,
        "made_from": {"onnx": of.data_version, "om": compiled.data_version},
        "target": compiled.target,
        "origin": origin,
        "toolchain": toolchain(origin),
        "comparison": comparison(origin),
        "task_metric": TaskMetric(name="top1", higher_is_better=True, reference=0.987, device=0.986, samples=360),
        "inputs": "evaluation",
        "samples": 8,
    }
    return PrecisionRecord.model_validate({**content, **fields})


def profile(origin: Origin = "emulated", **fields: Any) -> Profile:
    content: dict[str, Any] = {
        "origin": origin,
        "soc_version": TARGET,
        "batch": 8,
        "latency_ms": Latency(p50=1.0, p90=1.1, p99=1.2),
        "throughput": 8000.0,
        "aicore_utilisation": 0.8,
        "memory_bytes": 10 * 1024 * 1024,
        "memory_available_bytes": 20 * 1024**3,
        "bound": "cube",
        "error_band": ErrorBand(low=0.7, high=1.5, median_error=0.2, models=8, points=50),
        "ops": (),
    }
    return Profile.model_validate({**content, **fields})


def benchmark(compiled: OmRecord, origin: Origin = "emulated", **fields: Any) -> BenchmarkRecord:
    content: dict[str, Any] = {
        "key": "b" * 64,
        "made_from": {"om": compiled.data_version},
        "target": compiled.target,
        "origin": origin,
        "toolchain": toolchain(origin),
        "profile": profile(origin),
    }
    return BenchmarkRecord.model_validate({**content, **fields})


Chain = tuple[SourceRecord, OnnxRecord, LintRecord, dict[str, Evidence]]


def chain(model: ModelSpec, /, origin: Origin = "emulated", **source_fields: Any) -> Chain:
    """A candidate's records, each made from the one before. `source_fields` tell two candidates apart."""
    first = source(**source_fields)
    exported = onnx(first)
    linted = lint((first, exported))
    compiled = om(model, exported, linted, origin)
    evidence = (compiled, precision(exported, compiled, origin), benchmark(compiled, origin))
    return first, exported, linted, {compiled.target: evidence}
