"""preflight: will ATC take this ONNX file, does it survive FP16, how fast will it be? Without a project or an NPU.

Here belongs asking the emulator and the gates about one file. The answer is emulated and admits dev at most. Not here:
how it is printed (`cli/preflight.py`), what the gates say (`file_gates.py`), or a candidate's own walk (`walk.py`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ascend_assets import preflight_inputs
from ascend_assets.file_gates import Compilation, batch_of, linted
from ascend_assets.gates.verdict import Verdict
from ascend_assets.lint import onnx_rules
from ascend_assets.preflight_inputs import Asked, Settled
from ascend_assets.records import LintCount
from resources import onnx_files
from resources.ascend.emulator import compile as compiler
from resources.ascend.emulator import messages, refusals
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Comparison, CompileRefused, CompileReport, Profile
from resources.digests import sha256_file

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Preflight:
    """What is known of one file. `comparison` and `profile` are None where the compiler refused.

    `assumed`: inputs that were given a batch of 1 because nobody named one.
    """

    path: Path
    sha256: str
    options: CompileOptions
    assumed: tuple[str, ...]
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

    `batch` becomes the first dimension of inputs that leave it open; 1 where nobody says. `inputs`: an `.npz` with one
    array per input, whose sizes settle what else is open; else random tensors from `seed` are compared. Raises
    `NotUsable`, `OnnxFileError`.
    """
    begin = time.monotonic()
    say(f"reading {path}")
    arrays = preflight_inputs.read_arrays(inputs) if inputs else None
    file = _File.read(path, options, Asked(options.input_shape, batch, arrays, inputs))
    about = Compilation(file.sha256, file.options, file.asked.kind)
    verdicts = [*linted(file.counts, file.sha256)]
    say(f"compiling for {options.soc_version}")
    try:
        report = file.compile()
    except CompileRefused as refusal:
        verdicts.append(about.refused(refusal))
        return file.preflight(path, verdicts, time.monotonic() - begin)
    verdicts.append(about.compiled(report))
    tensors = preflight_inputs.tensors(file.model, file.settled, file.asked, seed)
    say(f"comparing {len(file.model.graph.node)} layers, {file.options.mode} against FP32")
    compared = time.monotonic()
    comparison = file.compare(tensors)
    spent = time.monotonic() - compared
    say("estimating the time on the device")
    profile = file.profile()
    verdicts += (*about.precise(comparison), *about.fast(profile))
    return file.preflight(path, verdicts, time.monotonic() - begin, comparison, profile, spent)


@dataclass
class _File:
    """One loaded file on its way through the emulator. The model is owned, so shapes are fixed in place."""

    model: "onnx.ModelProto"
    sha256: str
    options: CompileOptions
    asked: Asked
    settled: Settled
    counts: tuple[LintCount, ...]

    @classmethod
    def read(cls, path: Path, options: CompileOptions, asked: Asked) -> "_File":
        model = preflight_inputs.load(path)
        counts = onnx_rules.of_model(model, onnx_files.findings(model, path.parent))
        settled = preflight_inputs.settle(path, model, asked)
        fixed = options.model_copy(update={"input_shape": settled.shapes})
        return cls(model, sha256_file(path), fixed, asked, settled, counts)

    def preflight(
        self,
        path: Path,
        verdicts: Sequence[Verdict],
        seconds: float,
        comparison: Comparison | None = None,
        profile: Profile | None = None,
        comparison_seconds: float = 0.0,
    ) -> Preflight:
        return Preflight(
            path=path,
            sha256=self.sha256,
            options=self.options,
            assumed=self.settled.assumed,
            verdicts=tuple(verdicts),
            comparison=comparison,
            profile=profile,
            comparison_seconds=comparison_seconds,
            seconds=seconds,
        )

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

        return profile(self.model, self.options, batch_of(self.options))


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
