"""Trying remedies, one set after the other: edited, held against the original, compiled, judged, and put on record.

Here belongs the machinery of a single try, and what it remembers. Not here: which set is tried (`steps.py`, `loop.py`).
"""

import json
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ascend_assets.remedies.apply import RemedyRefused, apply_graph, apply_options, is_graph
from ascend_assets.remedies.kinds import AnyRemedy, Remedy
from ascend_assets.repair.bench import Bench, Outcome
from ascend_assets.repair.budget import Meter
from ascend_assets.repair.figures import NARROW, figures, objections, refused
from ascend_assets.repair.proposals import length
from ascend_assets.repair.records import Attempt, Figures
from resources.ascend.options import CompileOptions
from resources.onnx_files.edits import EditError

if TYPE_CHECKING:
    import onnx

    from resources.onnx_files.equivalence import Equivalence, Original

Say = Callable[[str], None]

_GRAPHS = 4
"""Edited graphs that are kept, each with its weights."""
_LONGEST = 600


@runtime_checkable
class Hurries(Protocol):
    """A bench that can say no before it has looked at everything."""

    def screen(self, model: "onnx.ModelProto", options: CompileOptions) -> Outcome:
        """As `Bench.try_`, with fewer verdicts and layers where the answer is no."""
        ...


@dataclass(frozen=True)
class State:
    """A set of remedies that could be tried, and what came of it."""

    remedies: tuple[AnyRemedy, ...]
    outcome: Outcome

    def __bool__(self) -> bool:
        """Whether every gate admits it."""
        return bool(self.outcome)


class NotTried(Exception):
    """A set of remedies that cannot be tried. The message says why; `equivalent`: what was found until then."""

    def __init__(self, why: str, *, equivalent: bool | None = None) -> None:
        self.equivalent = equivalent
        super().__init__(why)


@dataclass(frozen=True)
class _Tried:
    """One try: its outcome, None where there was none; what was found of its graph; and a sentence."""

    outcome: Outcome | None
    equivalent: bool | None
    why: str


class Search:
    """Tries sets of remedies on one model. Each set is tried once; what came of it is remembered.

    `attempts`: every try, in order. `start`: the model as given; `compiled`: the figures of the first that compiled.
    `passing`: every state that passed. `own_errors`: of each node in 16 bits, infinite for what is no number.
    """

    def __init__(self, model: "onnx.ModelProto", options: CompileOptions, bench: Bench, meter: Meter, say: Say) -> None:
        self.meter = meter
        self.attempts: list[Attempt] = []
        self._model = model
        self._options = options
        self._bench = bench
        self._say = say
        self._known: dict[str, State | None] = {}
        self._graphs: OrderedDict[str, onnx.ModelProto] = OrderedDict()
        self._original: tuple[str, Original] | None = None
        self._equal: dict[str, Equivalence] = {}
        self.passing: list[State] = []
        self.own_errors: dict[str, float] = {}
        self.compiled = Figures(refused=())
        self.start = State((), bench.try_(model, options))
        self._learn(self.start)

    def attempt(self, remedies: Iterable[AnyRemedy], rule: str, *, hurried: bool = False) -> State | None:
        """Try a set of remedies in this order; None where it cannot be tried. `hurried`: only whether it passes.

        What was tried before is answered from memory. Raises `Stopped` when the budget is spent.
        """
        taken = tuple(remedies)
        key = self.key(taken)
        for known in (key, f"hurried {key}") if hurried else (key,):
            if known in self._known:
                return self._known[known]
        number, begin = self.meter.take(), self.meter.seconds
        self._say(f"attempt {number}: {told(taken)}")
        tried = self._tried(taken, hurried=hurried)
        self._say(f"  {tried.why}")
        self.attempts.append(
            Attempt(
                number=number,
                remedies=taken,
                cause=rule,
                passed=bool(tried.outcome),
                equivalent=tried.equivalent,
                figures=figures(tried.outcome),
                why=tried.why,
                seconds=self.meter.seconds - begin,
            )
        )
        state = None if tried.outcome is None else State(taken, tried.outcome)
        self._known[f"hurried {key}" if hurried and state is not None and not state else key] = state
        if state is not None:
            self._learn(state)
        return state

    def passed(self, remedies: Iterable[AnyRemedy]) -> State | None:
        """The state of a set that was tried and passed; None for any other. Tries nothing."""
        state = self._known.get(self.key(tuple(remedies)))
        return state or None

    def _learn(self, state: State) -> None:
        if state:
            self.passing.append(state)
        comparison = state.outcome.comparison
        if self.compiled.latency_ms is None:
            self.compiled = figures(state.outcome)
        for layer in comparison.layers if comparison else ():
            if layer.dtype in NARROW:
                error = layer.local_error
                self.own_errors.setdefault(layer.node, error if math.isfinite(error) else math.inf)

    def model(self, remedies: Iterable[Remedy]) -> "onnx.ModelProto":
        """The graph that remedies make of the original, which is not changed. Raises `EditError`."""
        return self._graph(tuple(filter(is_graph, remedies)))

    def options(self, remedies: Iterable[Remedy]) -> CompileOptions:
        """The options as given with remedies applied, inputs that nobody named left open. Raises `RemedyRefused`."""
        return apply_options(self._options, remedies)

    def _tried(self, taken: Sequence[Remedy], *, hurried: bool) -> _Tried:
        try:
            options = self.options(taken)
            graph, equivalent = self._edited(taken, options)
        except RemedyRefused as refusal:
            return _Tried(None, None, f"not taken: {refusal}")
        except NotTried as error:
            return _Tried(None, error.equivalent, str(error))
        hurry = self._bench.screen if hurried and isinstance(self._bench, Hurries) else self._bench.try_
        outcome = hurry(graph, options)
        return _Tried(outcome, equivalent, _why(outcome))

    def _edited(self, taken: Sequence[Remedy], options: CompileOptions) -> "tuple[onnx.ModelProto, bool | None]":
        """The graph, and whether it computes the same as the original; None where nothing is edited."""
        edits = tuple(filter(is_graph, taken))
        try:
            graph = self._graph(edits)
        except EditError as error:
            raise NotTried(f"cannot be edited: {error}"[:_LONGEST]) from error
        if not edits:
            return graph, None
        found = self._equivalence(edits, graph, options)
        if not found:
            raise NotTried(f"does not compute the same in FP32: {found.why}"[:_LONGEST], equivalent=False)
        return graph, True

    def _graph(self, edits: Sequence[Remedy]) -> "onnx.ModelProto":
        """The original with edits in order, each made on the result of those before it. Raises `EditError`."""
        if not edits:
            return self._model
        key = _written(edits)
        if key not in self._graphs:
            self._graphs[key] = apply_graph(self._graph(edits[:-1]), edits[-1:])
            while len(self._graphs) > _GRAPHS:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        return self._graphs[key]

    def _equivalence(self, edits: Sequence[Remedy], graph: "onnx.ModelProto", options: CompileOptions) -> "Equivalence":
        shapes = repr(sorted(options.input_shape.items()))
        key = f"{shapes} {_written(edits)}"
        if key not in self._equal:
            self._equal[key] = self._of_original(shapes, options).compare(graph)
        return self._equal[key]

    def _of_original(self, shapes: str, options: CompileOptions) -> "Original":
        """The original's own results, found once for each set of input shapes."""
        from resources.onnx_files.equivalence import Original

        if self._original is None or self._original[0] != shapes:
            try:
                inputs = self._bench.inputs(self._model, options)
            except ValueError as error:
                raise NotTried(f"cannot be held against the original: {error}"[:_LONGEST]) from error
            self._original = (shapes, Original(self._model, inputs))
        return self._original[1]

    def key(self, taken: Sequence[Remedy]) -> str:
        """Two sets with one key make the same graph and the same options."""
        try:
            options = self.options(taken).model_dump_json()
        except RemedyRefused:
            return _written(taken)
        return f"{options} {_written(filter(is_graph, taken))}"


def told(remedies: Iterable[Remedy]) -> str:
    """Remedies by kind and number, for a line of progress."""
    return ", ".join(map(_told, remedies)) or "nothing"


def _told(remedy: Remedy) -> str:
    named = length(remedy)
    return f"{remedy.kind} ({named})" if named else remedy.kind


def _why(outcome: Outcome) -> str:
    if outcome:
        return "passes"
    against = sorted({code for code, _ in objections(outcome)} - {""})
    said = f" ({', '.join(against)})" if against else ""
    return f"still refused: {', '.join(refused(outcome))}{said}"


def _written(remedies: Iterable[Remedy]) -> str:
    return json.dumps([remedy.model_dump(mode="json") for remedy in remedies], sort_keys=True)
