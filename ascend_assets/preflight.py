"""preflight: will ATC take this ONNX file, does it survive FP16, how fast will it be? Without a project or an NPU.

Here belongs asking the emulator and the gates about one file. The answer is emulated and admits dev at most. Not here:
how it is printed (`cli/preflight.py`), or a candidate's own walk (`walk.py`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ascend_assets import evaluation
from ascend_assets.gates import conversion, lint, performance, precision
from ascend_assets.gates.case import DEFAULTS
from ascend_assets.gates.verdict import Verdict
from ascend_assets.lint import onnx_rules
from ascend_assets.records import BenchmarkRecord, LintCount, LintRecord, PrecisionRecord
from resources import npz, onnx_files
from resources.ascend.emulator import compile as compiler
from resources.ascend.emulator import messages, refusals
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Comparison, CompileRefused, CompileReport, Profile, ToolchainIdentity
from resources.digests import sha256_file
from resources.onnx_shapes import fixed_inputs

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[Any]]

Say = Callable[[str], None]
_OF_FILE = ("onnx_checker", "opset", "operators_registered", "model_safety")
"""Lint criteria that a file without a project can be judged by."""


class NotUsable(Exception):
    """What was given cannot be judged. The message says what to do."""


@dataclass(frozen=True)
class Preflight:
    """What is known of one file. `comparison` and `profile` are None where the compiler refused."""

    path: Path
    sha256: str
    options: CompileOptions
    verdicts: tuple[Verdict, ...]
    comparison: Comparison | None
    profile: Profile | None
    comparison_seconds: float
    seconds: float

    def __bool__(self) -> bool:
        """Whether the file is admissible in dev."""
        return all(self.verdicts)


def run(
    path: Path,
    options: CompileOptions,
    *,
    batch: int | None = None,
    inputs: Path | None = None,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Preflight:
    """Judge one ONNX file.

    `batch` becomes the first dimension of inputs that leave it open. `inputs`: an `.npz` with one array per input, else
    random tensors from `seed` are compared. Raises `NotUsable`, `OnnxFileError` or `ShapeError`.
    """
    begin = time.monotonic()
    say(f"reading {path}")
    file = _File.read(path, options, batch)
    identity = _toolchain()
    findings = lint.judge(LintRecord(key="", made_from={"onnx": file.sha256}, counts=file.counts), DEFAULTS)
    verdicts = [verdict for verdict in findings if verdict.criterion in _OF_FILE]
    say(f"compiling for {options.soc_version}")
    try:
        report = file.compile()
    except CompileRefused as refusal:
        verdicts.append(conversion.refused(refusal, toolchain=identity, subject=file.sha256))
        return Preflight(path, file.sha256, file.options, tuple(verdicts), None, None, 0.0, time.monotonic() - begin)
    verdicts.append(conversion.compiled(report, toolchain=identity, subject=file.sha256))
    tensors, origin = _tensors(file, inputs, seed)
    say(f"comparing {len(file.model.graph.node)} layers, {file.options.mode} against FP32")
    compared = time.monotonic()
    comparison = file.compare(tensors)
    spent = time.monotonic() - compared
    say("estimating the time on the device")
    profile = file.profile()
    verdicts += precision.judge(_precision(file, comparison, identity, origin), DEFAULTS)
    verdicts += performance.judge(_benchmark(file, profile, identity), DEFAULTS)
    judged = tuple(v for v in verdicts if v.criterion not in _NEEDS_A_PROJECT)
    return Preflight(path, file.sha256, file.options, judged, comparison, profile, spent, time.monotonic() - begin)


_NEEDS_A_PROJECT = frozenset({"task_metric_drop", "latency_regression"})
"""Criteria that ask for evaluation data or an earlier release: a file alone has neither."""


@dataclass
class _File:
    """One loaded file on its way through the emulator. The model is owned, so shapes are fixed in place."""

    model: "onnx.ModelProto"
    sha256: str
    options: CompileOptions
    counts: tuple[LintCount, ...]

    @classmethod
    def read(cls, path: Path, options: CompileOptions, batch: int | None) -> "_File":
        model = onnx_files.load(path)
        if not model.graph.node:
            raise NotUsable(f"{path}: holds no node: export the model again")
        counts = onnx_rules.of_model(model, onnx_files.findings(model, path.parent))
        shapes = fixed_inputs(model, options.input_shape, batch)
        return cls(model, sha256_file(path), options.model_copy(update={"input_shape": shapes}), counts)

    def compile(self) -> CompileReport:
        diagnostics = compiler.judge(self.model, self.options)
        if refusals.refused(diagnostics):
            raise CompileRefused(diagnostics, messages.render(diagnostics, ok=False))
        return CompileReport(warnings=diagnostics, log=messages.render(diagnostics, ok=True))

    def compare(self, tensors: "Tensors") -> Comparison:
        from resources.ascend.emulator.compare import compare

        return compare(self.model, self.options, tensors)

    def profile(self) -> Profile:
        from resources.ascend.emulator.estimate import profile

        return profile(self.model, self.options, self.batch)

    @property
    def batch(self) -> int:
        """Samples in one inference: the first dimension of the first input."""
        shape = next(iter(self.options.input_shape.values()), ())
        return shape[0] if shape else 1


def _toolchain() -> ToolchainIdentity:
    from resources.ascend.emulator.toolchain import Emulator

    return Emulator().describe()


def _tensors(file: _File, given: Path | None, seed: int) -> "tuple[Tensors, Literal['evaluation', 'random']]":
    """The inputs that layers are compared on, checked against the model's."""
    declared = {t.name: t for t in onnx_files.signature(file.model).inputs}
    if given is None:
        drawn = evaluation.samples_for_comparison(None, list(declared.values()), file.options.input_shape, seed=seed)
        return drawn, "random"
    arrays = npz.read(given)
    tensors = {}
    for name, tensor in declared.items():
        if name not in arrays:
            raise NotUsable(f"{given}: has no array {name!r}; the model's inputs are: {', '.join(declared)}")
        wanted = tuple(file.options.input_shape[name])
        array = arrays[name]
        if array.dtype.name != tensor.dtype or array.shape[1:] != wanted[1:] or len(array) < wanted[0]:
            raise NotUsable(
                f"{given}: array {name!r} is {array.dtype.name} {list(array.shape)}, "
                f"the model takes {tensor.dtype} {list(wanted)}: save it so, or give --input-shape"
            )
        tensors[name] = array[: wanted[0]]
    return tensors, "evaluation"


def _precision(
    file: _File, comparison: Comparison, identity: ToolchainIdentity, inputs: "Literal['evaluation', 'random']"
) -> PrecisionRecord:
    return PrecisionRecord(
        key="",
        made_from={"onnx": file.sha256, "om": file.sha256},
        target=file.options.soc_version,
        origin=comparison.origin,
        toolchain=identity,
        comparison=comparison,
        task_metric=None,
        inputs=inputs,
        samples=file.batch,
    )


def _benchmark(file: _File, profile: Profile, identity: ToolchainIdentity) -> BenchmarkRecord:
    return BenchmarkRecord(
        key="",
        made_from={"om": file.sha256},
        target=file.options.soc_version,
        origin=profile.origin,
        toolchain=identity,
        profile=profile,
    )


def as_json(found: Preflight) -> dict[str, Any]:
    """The answer as one JSON object, in the order in which a person would ask."""
    layers = found.comparison.layers if found.comparison else ()
    bad = found.comparison.first_bad_layer if found.comparison else None
    return {
        "model": str(found.path),
        "sha256": found.sha256,
        "soc": found.options.soc_version,
        "origin": "emulated",
        "precision_mode": found.options.mode,
        "verdicts": [v.model_dump(mode="json", include=_VERDICT_FIELDS) for v in found.verdicts],
        "layers": [layer.model_dump(mode="json", include=_LAYER_FIELDS) for layer in layers],
        "first_bad_layer": bad.model_dump(mode="json") if bad else None,
        "estimate": _estimate(found.profile),
        "seconds": found.seconds,
    }


_VERDICT_FIELDS = {"criterion", "passed", "value", "limits", "admits", "why"}
_LAYER_FIELDS = {
    "index",
    "node",
    "op",
    "cosine_similarity",
    "max_absolute_error",
    "relative_euclidean_distance",
    "overflow",
    "underflow",
    "local_error",
}


def _estimate(profile: Profile | None) -> dict[str, Any] | None:
    if profile is None:
        return None
    return {
        "latency_ms": profile.latency_ms.p50,
        "throughput": profile.throughput,
        "aicore_utilisation": profile.aicore_utilisation,
        "bound": profile.bound,
        "error_band": profile.error_band.model_dump(mode="json") if profile.error_band else None,
    }
