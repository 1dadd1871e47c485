"""What the gates say of one ONNX file that belongs to no project: by the criteria's own limits, on the emulator.

Here belongs turning what was found of a file into verdicts, the same for `ascend preflight`, `diagnose` and `repair`.
Not here: finding it (`preflight.py`, `repair/file_bench.py`), or a candidate's own walk (`walk.py`).
"""

from dataclasses import dataclass
from typing import Literal

from ascend_assets.gates import conversion, lint, performance, precision
from ascend_assets.gates.case import DEFAULTS
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import BenchmarkRecord, LintCount, LintRecord, PrecisionRecord
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Comparison, CompileRefused, CompileReport, Profile, ToolchainIdentity

_OF_FILE = ("onnx_checker", "opset", "operators_registered", "model_safety")
"""Lint criteria that a file without a project can be judged by."""

_NEEDS_A_PROJECT = frozenset({"task_metric_drop", "latency_regression"})
"""Criteria that ask for evaluation data or an earlier release: a file alone has neither."""


def linted(counts: tuple[LintCount, ...], sha256: str) -> tuple[Verdict, ...]:
    """The verdicts on the file itself, which need neither compiler nor inputs."""
    found = lint.judge(LintRecord(key="", made_from={"onnx": sha256}, counts=counts), DEFAULTS)
    return tuple(verdict for verdict in found if verdict.criterion in _OF_FILE)


def batch_of(options: CompileOptions) -> int:
    """Samples in one inference: the first dimension of the first input, 1 for a scalar or without a shape."""
    shape = next(iter(options.input_shape.values()), ())
    return shape[0] if shape else 1


@dataclass(frozen=True)
class Compilation:
    """What is judged: a file by its digest, and the options it was compiled with. `inputs`: what it was fed."""

    sha256: str
    options: CompileOptions
    inputs: Literal["evaluation", "random"]

    def refused(self, refusal: CompileRefused) -> Verdict:
        """The verdict on a refused compilation."""
        return conversion.refused(refusal, toolchain=_toolchain(), subject=self.sha256)

    def compiled(self, report: CompileReport) -> Verdict:
        """The verdict on a successful one."""
        return conversion.compiled(report, toolchain=_toolchain(), subject=self.sha256)

    def precise(self, comparison: Comparison) -> tuple[Verdict, ...]:
        """The verdicts on its arithmetic."""
        record = PrecisionRecord(
            key="",
            made_from={"onnx": self.sha256, "om": self.sha256},
            target=self.options.soc_version,
            origin=comparison.origin,
            toolchain=_toolchain(),
            comparison=comparison,
            task_metric=None,
            inputs=self.inputs,
            samples=batch_of(self.options),
        )
        return _without_project(precision.judge(record, DEFAULTS))

    def fast(self, profile: Profile) -> tuple[Verdict, ...]:
        """The verdicts on its speed and memory."""
        record = BenchmarkRecord(
            key="",
            made_from={"om": self.sha256},
            target=self.options.soc_version,
            origin=profile.origin,
            toolchain=_toolchain(),
            profile=profile,
        )
        return _without_project(performance.judge(record, DEFAULTS))


def _without_project(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    return tuple(verdict for verdict in verdicts if verdict.criterion not in _NEEDS_A_PROJECT)


def _toolchain() -> ToolchainIdentity:
    from resources.ascend.emulator.toolchain import Emulator

    return Emulator().describe()
