"""The bench of a candidate: the run's toolchain, the model's evaluation data, and the gates with the model's limits.

Here belongs trying one graph with one target's options by the very stages and gates that the candidate walks through;
what a trial makes goes into a folder of its own and is gone with it. Not here: what is tried (`loop.py`), or the bench
of a file without a project (`file_bench.py`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ascend_assets import evaluation, images
from ascend_assets.assets import benchmark, om, precision
from ascend_assets.evaluation import EvaluationError
from ascend_assets.gates import baseline, conversion, lint, performance
from ascend_assets.gates import precision as precision_gate
from ascend_assets.gates.case import Case
from ascend_assets.gates.verdict import Verdict
from ascend_assets.lint import onnx_rules
from ascend_assets.records import LintRecord, OnnxRecord
from ascend_assets.repair.bench import Outcome
from ascend_assets.spec import ModelSpec, Target
from ascend_assets.stage import Order, Tools
from resources import onnx_files
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import CompileRefused, NotLoadable, Origin
from resources.onnx_files import OnnxFileError, roles
from resources.store.blobs import Artefact, Blobs, FolderStore

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto

_CANNOT = (EvaluationError, OnnxFileError, NotLoadable, ValueError, RuntimeError)
"""What an edited graph may bring about that holds no water: an answer about that graph, and no accident."""


@dataclass
class CandidateBench:
    """Tries one target of a candidate. `onnx`: the failed candidate's record, for its evaluation data."""

    tools: Tools
    spec: ModelSpec
    target: Target
    onnx: OnnxRecord
    origin: Origin = field(init=False)

    def __post_init__(self) -> None:
        self.origin = self.tools.toolchain.describe().origin

    def try_(self, model: "ModelProto", options: CompileOptions) -> Outcome:
        """Lint, compile, compare, time and judge. Raises `ToolchainError` where the toolchain itself does not work."""
        begin = time.monotonic()
        if options.soc_version != self.target.soc_version:
            meant = ValueError(f"the target is {self.target.soc_version}: another SoC is for a person to choose")
            return _unusable(self.case(), options, meant, begin)
        with self._scratch() as tools:
            try:
                trial = _Trial.of(self, tools, model, options)
            except _CANNOT as error:
                return _unusable(self.case(), options, error, begin)
            trial.run()
        return trial.outcome(time.monotonic() - begin)

    def inputs(self, model: "ModelProto", options: CompileOptions) -> "dict[str, NDArray[Any]]":
        """One batch of evaluation samples, or of random numbers where there are none. Raises `ValueError`."""
        names = [given.name for given in onnx_files.signature(model).inputs]
        try:
            data = None
            if self.onnx.evaluation:
                path = self.tools.blobs.path(self.onnx.evaluation)
                data = evaluation.load(path, self.spec.inputs, images.of_model(self.spec, names))
            return evaluation.samples_for_comparison(
                data, self.spec.inputs, images.batch_shapes(options), bounds=None if data else roles.bounds(model)
            )
        except (EvaluationError, images.BadImages) as error:
            raise ValueError(str(error)) from error

    def case(self, subject: str = "") -> Case:
        """What verdicts of this bench are about."""
        return Case(self.spec, self.origin, subject, self.target.key)

    @contextmanager
    def _scratch(self) -> "Iterator[Tools]":
        with self.tools.scratch() as folder:
            yield replace(self.tools, blobs=_Above(FolderStore(folder / "blobs"), self.tools.blobs))


class _Above(Blobs):
    """Blobs of a trial, above those of the store: what is put stays here, what is not here is read from there."""

    def __init__(self, store: FolderStore, below: Blobs) -> None:
        super().__init__(store)
        self._below = below

    def path(self, blob: Artefact | str) -> Path:
        return super().path(blob) if self.has(blob) else self._below.path(blob)


class _Trial:
    """One trial on its way: what has been found until now."""

    def __init__(self, bench: CandidateBench, tools: Tools, onnx: OnnxRecord, options: CompileOptions) -> None:
        self.bench = bench
        self.tools = tools
        self.onnx = onnx
        self.options = options
        counts = onnx_rules.inspect(tools.blobs.path(onnx.file), bench.spec)
        self.lint = LintRecord(key="", made_from={"source": "", "onnx": onnx.data_version}, counts=counts)
        judged = lint.judge(self.lint, bench.spec)
        self.verdicts: list[Verdict] = [verdict for verdict in judged if verdict.criterion in onnx_rules.NAMES]
        self.found: dict[str, Any] = {}

    @classmethod
    def of(cls, bench: CandidateBench, tools: Tools, model: "ModelProto", options: CompileOptions) -> "_Trial":
        """With the graph as a file. Raises `OnnxFileError`, `ValueError` for one that cannot be written."""
        file = tools.blobs.put_bytes(model.SerializeToString(), f"{bench.spec.name}.onnx")
        signature = onnx_files.signature(model)
        onnx = OnnxRecord(key="", made_from={}, file=file, signature=signature, evaluation=bench.onnx.evaluation)
        return cls(bench, tools, onnx, options)

    def run(self) -> None:
        """As far as it goes."""
        try:
            self._run()
        except CompileRefused as refusal:
            self.found |= {"diagnostics": refusal.diagnostics, "log": refusal.log}
            identity = self.tools.toolchain.describe()
            subject, key = self.onnx.data_version, self.bench.target.key
            self.verdicts.append(conversion.refused(refusal, toolchain=identity, subject=subject, target=key))
        except _CANNOT as error:
            self.verdicts.append(_failed(self.bench.case(self.onnx.data_version), error))

    def _run(self) -> None:
        spec, target, tools = self.bench.spec, self.bench.target, self.tools
        compiled = om.compiled(tools, "", self.options, onnx=self.onnx, lint=self.lint, spec=spec, target=target)
        self.verdicts += conversion.judge(compiled, spec)
        self.found |= {"diagnostics": compiled.report.warnings, "log": compiled.report.log}
        timed = benchmark.make(tools, "", Order(), om=compiled, target=target)
        self.found["profile"] = timed.profile
        real = self.bench.tools
        before = baseline.profiles(real.registry, real.ledger, real.blobs, spec, timed)
        precise = precision.make(tools, "", Order(), onnx=self.onnx, om=compiled, spec=spec, target=target)
        self.found["comparison"] = precise.comparison
        self.verdicts += precision_gate.judge(precise, spec)
        self.verdicts += performance.judge(timed, spec, before)

    def outcome(self, seconds: float) -> Outcome:
        """What was found."""
        return Outcome(self.options, tuple(self.verdicts), **self.found, seconds=seconds)


def _unusable(case: Case, options: CompileOptions, error: Exception, begin: float) -> Outcome:
    return Outcome(options, (_failed(case, error),), seconds=time.monotonic() - begin)


def _failed(case: Case, error: Exception) -> Verdict:
    """What could not be tried to its end is no pass: NaN keeps no limit."""
    why = " ".join(str(error).split())[:1000] or type(error).__name__
    return case.judge(conversion.NAME, float("nan"), f"it cannot be run: {why}")
