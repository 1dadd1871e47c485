"""One trial of one graph on the emulator, judged by the gates.

A repair tries one graph many times, so what lint says of it, its shapes, and what FP32 gives for its inputs are found
once.
Here belongs the order of a trial. Not here: where models and inputs come from (`file_bench.py`), or what the gates say
(`file_gates.py`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ascend_assets.file_gates import Compilation, batch_of, linted
from ascend_assets.gates.precision import OUTPUT_METRICS
from ascend_assets.gates.verdict import Verdict
from ascend_assets.lint import onnx_rules
from ascend_assets.preflight_inputs import NotUsable, Unsettled
from ascend_assets.repair.bench import Outcome
from ascend_assets.repair.figures import NARROW
from resources import onnx_files
from resources.ascend import gears
from resources.ascend.emulator import compile as compiler
from resources.ascend.emulator import messages, refusals
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Comparison, CompileRefused, CompileReport, Diagnostic
from resources.digests import sha256_bytes

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

_CANNOT = (ValueError, ArithmeticError, LookupError, RuntimeError, TypeError)
"""What a graph that holds together can still make of whoever runs it."""

_OPEN = -1
_OF_OUTPUTS = frozenset({*OUTPUT_METRICS, "non_finite_outputs"})
_LONGEST = 500


@dataclass
class Prepared:
    """One graph, and what is known of it whatever it is compiled with. `folder`: where the file lies."""

    model: "onnx.ModelProto"
    folder: Path
    _fixed: "tuple[str, Fixed] | None" = None

    @cached_property
    def sha256(self) -> str:
        """Of the graph as it stands, which need not lie in a file."""
        return sha256_bytes(self.model.SerializeToString(deterministic=True))

    @cached_property
    def lint(self) -> tuple[Verdict, ...]:
        """The verdicts on the graph alone."""
        counts = onnx_rules.of_model(self.model, onnx_files.findings(self.model, self.folder))
        return linted(counts, self.sha256)

    def fixed(self, shapes: Mapping[str, tuple[int, ...]]) -> "Fixed":
        """A copy for one set of input shapes: the compiler writes those inside into it."""
        key = repr(sorted(shapes.items()))
        if self._fixed is None or self._fixed[0] != key:
            copy = type(self.model)()
            copy.CopyFrom(self.model)
            self._fixed = (key, Fixed(copy))
        return self._fixed[1]


@dataclass
class Fixed:
    """A graph of static shapes, and what FP32 gave for the last inputs that it was run on."""

    model: "onnx.ModelProto"
    _given: "Tensors" = field(default_factory=dict)
    _outputs: "Tensors" = field(default_factory=dict)

    def reference(self, inputs: "Tensors") -> "Tensors":
        """The FP32 outputs, computed once for the same arrays. Raises `ValueError`."""
        from resources.onnx_files.sessions import reference

        same = self._outputs and all(self._given.get(name) is array for name, array in inputs.items())
        if not same:
            wide = {name: a.astype("float32") if a.dtype.name in NARROW else a for name, a in inputs.items()}
            self._outputs, self._given = reference(self.model).run(wide), inputs
        return self._outputs

    def outputs_alone(self, options: CompileOptions, inputs: "Tensors") -> Comparison:
        """The outputs as the device computes them against FP32, without a layer. Raises `ValueError`."""
        from resources.ascend.emulator.lower import lower
        from resources.ascend.metrics import output_metrics
        from resources.onnx_files.sessions import Session, serialized

        device = Session(serialized(lower(self.model, options))).run(inputs)
        outputs = tuple(output_metrics(name, device[name], y) for name, y in self.reference(inputs).items())
        return Comparison(origin="emulated", layers=(), outputs=outputs, first_bad_layer=None)


def unsettled(graph: Prepared, options: CompileOptions, error: NotUsable, begin: float) -> Outcome:
    """The outcome for inputs whose shapes are not known, or are wrong: what ATC says to them, in its own words."""
    # A size of -1 without gears is one that nobody stated, which is how ATC writes it.
    shapes = {name: dims for name, dims in options.input_shape.items() if _OPEN not in dims}
    stated = options if gears.values(options) else options.model_copy(update={"input_shape": shapes})
    diagnostics = refusals.judge(graph.model, stated)
    if not refusals.refused(diagnostics):
        diagnostics = (*diagnostics, _cannot(error))
    about = Compilation(graph.sha256, options, "random")
    names = error.inputs if isinstance(error, Unsettled) else ()
    return _refused(graph, about, diagnostics, begin, open_inputs=names)


def attempt(
    graph: Prepared,
    options: CompileOptions,
    draw: "Callable[[], Tensors]",
    *,
    kind: Literal["evaluation", "random"],
    hurried: bool,
    begin: float,
) -> Outcome:
    """Compile, estimate, compare and judge; `hurried` ends with the first refusal.

    `options` name every input's shape; `draw` gives the inputs, and raises `ValueError` where it cannot.
    """
    about = Compilation(graph.sha256, options, kind)
    fixed = graph.fixed(options.input_shape)
    diagnostics = compiler.judge(fixed.model, options)
    if refusals.refused(diagnostics):
        return _refused(graph, about, diagnostics, begin)
    try:
        return _compiled(_Compiled(graph, fixed, about, diagnostics, begin), draw, hurried=hurried)
    except _CANNOT as error:
        # Found by running it, as a compiler finds it by building kernels.
        return _refused(graph, about, (*diagnostics, _cannot(error)), begin)


@dataclass(frozen=True)
class _Compiled:
    """A trial whose graph the compiler takes."""

    graph: Prepared
    fixed: Fixed
    about: Compilation
    warnings: tuple[Diagnostic, ...]
    begin: float

    def outcome(self, verdicts: Sequence[Verdict], **found: Any) -> Outcome:  # noqa: ANN401 - fields of an outcome
        log = messages.render(self.warnings, ok=True)
        report = CompileReport(warnings=self.warnings, log=log)
        return Outcome(
            options=self.about.options,
            verdicts=(*self.graph.lint, self.about.compiled(report), *verdicts),
            diagnostics=self.warnings,
            log=log,
            seconds=time.monotonic() - self.begin,
            **found,
        )


def _compiled(trial: _Compiled, draw: "Callable[[], Tensors]", *, hurried: bool) -> Outcome:
    from resources.ascend.emulator.compare import compare
    from resources.ascend.emulator.estimate import profile

    options = trial.about.options
    timed = profile(trial.fixed.model, options, batch_of(options))
    fast = trial.about.fast(timed)
    if hurried and not (all(fast) and all(trial.graph.lint)):
        return trial.outcome(fast, profile=timed)
    inputs = draw()
    outputs = _outputs_alone(trial, inputs) if hurried else None
    if outputs is not None:
        judged = [verdict for verdict in trial.about.precise(outputs) if verdict.criterion in _OF_OUTPUTS]
        if not all(judged):
            return trial.outcome((*judged, *fast), comparison=outputs, profile=timed)
    comparison = compare(trial.fixed.model, options, inputs)
    return trial.outcome((*trial.about.precise(comparison), *fast), comparison=comparison, profile=timed)


def _outputs_alone(trial: _Compiled, inputs: "Tensors") -> Comparison | None:
    """The outputs; None for a graph that only a comparison of all layers can run, in its own types."""
    try:
        return trial.fixed.outputs_alone(trial.about.options, inputs)
    except ValueError:
        return None


def _refused(
    graph: Prepared,
    about: Compilation,
    diagnostics: tuple[Diagnostic, ...],
    begin: float,
    *,
    open_inputs: tuple[str, ...] = (),
) -> Outcome:
    log = messages.render(diagnostics, ok=False)
    return Outcome(
        options=about.options,
        verdicts=(*graph.lint, about.refused(CompileRefused(diagnostics, log))),
        diagnostics=diagnostics,
        log=log,
        open_inputs=open_inputs,
        seconds=time.monotonic() - begin,
    )


def _cannot(error: Exception) -> Diagnostic:
    """What only the emulator says, as a message of its own code."""
    return messages.diagnostic("EX0005", " ".join(str(error).split())[:_LONGEST] or type(error).__name__)
