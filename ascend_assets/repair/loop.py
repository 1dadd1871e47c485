"""Diagnose, propose, try, judge: from a model that the gates refuse to the smallest set of remedies that passes.

Here belongs the order of steps and the report of them. Not here: a step (`steps.py`), a try (`search.py`), or how many
are allowed (`budget.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ascend_assets.diagnosis import gather
from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.cause import Cause
from ascend_assets.diagnosis.diagnose import diagnose
from ascend_assets.remedies.kinds import AnyRemedy, SetInputShapes
from ascend_assets.repair.bench import Bench
from ascend_assets.repair.budget import Budget, Meter
from ascend_assets.repair.changes import changes, graph_changes
from ascend_assets.repair.figures import figures, objections
from ascend_assets.repair.minimal import Stopped
from ascend_assets.repair.proposals import SURE, UNRULED, May, merged, unattended
from ascend_assets.repair.records import Repair
from ascend_assets.repair.search import Say, Search, State
from ascend_assets.repair.steps import CHEAP, Steps

if TYPE_CHECKING:
    import onnx

    from resources.ascend.options import CompileOptions

Proposer = Callable[[Case, tuple[Cause, ...]], tuple[Cause, ...]]
"""Whoever may name causes that no rule names: a language model, say. What it proposes is tried like anything else."""

FOR_PERSON = 3
"""Remedies that a person would have to take, and that are tried so that the person knows what would come of them."""


def repair(
    model: "onnx.ModelProto",
    options: "CompileOptions",
    bench: Bench,
    *,
    budget: Budget | None = None,
    say: Say = lambda _: None,
    proposers: Sequence[Proposer] = (),
    may_take: May = unattended,
) -> "tuple[Repair, onnx.ModelProto, CompileOptions]":
    """Repair a model; the report, and the graph and the options to use: those given, where nothing passes.

    `model` is from `onnx_files.load` and not changed. The options handed back are those that were really compiled with,
    so that they name every input's shape. `proposers` are asked where rules are exhausted. `may_take`: what is taken
    without a person; the rest stands in `for_person`. The same model, options and bench give the same answer as long as
    the time does not end. Raises what the bench raises where the toolchain itself does not work.
    """
    search = Search(model, options, bench, Meter(budget or Budget()), say)
    run = _Run(search, Steps(search, may_take), model, options, proposers, may_take)
    if search.start:
        run.look(search.start)
        return run.report(search.start, "nothing is refused", bench), model, search.start.outcome.options
    ended = run.ended()
    best = min(run.passing, key=run.steps.cost, default=None)
    if best is None:
        return run.report(search.start, ended, bench), model, options
    return run.report(best, ended, bench), search.model(best.remedies), best.outcome.options


@dataclass
class _Run:
    """One repair on its way."""

    search: Search
    steps: Steps
    model: "onnx.ModelProto"
    options: "CompileOptions"
    proposers: Sequence[Proposer]
    may: May
    causes: dict[str, Cause] = field(default_factory=dict)

    def look(self, state: State) -> tuple[Case, tuple[Cause, ...]]:
        """The evidence of a state, and its causes, which are kept for the report."""
        outcome = state.outcome
        case = gather.case(
            self.search.model(state.remedies),
            outcome.options,
            diagnostics=outcome.diagnostics,
            log=outcome.log,
            verdicts=outcome.verdicts,
            comparison=outcome.comparison,
            profile=outcome.profile,
            open_inputs=outcome.open_inputs,
        )
        found = diagnose(case)
        self.keep(found)
        return case, found

    def keep(self, found: Iterable[Cause]) -> None:
        """Each rule's cause where it was first seen, or first believed."""
        for cause in found:
            held = self.causes.get(cause.rule)
            if held is None:
                self.causes[cause.rule] = cause
            elif held.confidence < SURE <= cause.confidence:
                del self.causes[cause.rule]
                self.causes[cause.rule] = cause

    def ended(self) -> str:
        """Search; why it ended, in words."""
        try:
            return self._searched()
        except Stopped as spent:
            return f"{spent}; sets that pass until then: {len(self.passing) or 'none'}"

    @property
    def passing(self) -> list[State]:
        """What passes and may be taken."""
        return [state for state in self.search.passing if all(map(self.may, state.remedies))]

    def _searched(self) -> str:
        state, compiled = self.search.start, None
        nearest, seen = state, set[str]()
        while not state:
            if compiled is None and not objections(state.outcome):
                compiled = state
            nearest = min(nearest, state, key=self.steps.distance)
            # What does not pass is false, so that each way is asked for by name.
            following = self._following(state, seen)
            following = self.steps.another() if following is None else following
            following = self._asked(nearest) if following is None else following
            if following is None:
                self._for_person(nearest)
                return "no rule, no search and no proposer has anything left to try" + self._reached(nearest)
            state = following
        if compiled is not None and self.steps.price(state) > CHEAP:
            # Where edits were piled up, as few layers in FP32 may cost less.
            self.steps.kept(compiled)
        state = min(self.passing, key=self.steps.cost)
        self.steps.made_smaller(state, self._rule(state))
        number = len(self.passing)
        return f"the cheapest of {number} sets that pass" if number > 1 else "the one set that passes"

    def _following(self, state: State, seen: set[str]) -> State | None:
        """The next state, by rules or without them; None where there is none, or it was looked for before."""
        key = self.search.key(state.remedies)
        if key in seen:
            return None
        seen.add(key)
        _, causes = self.look(state)
        following = self.steps.from_causes(state, causes)
        return self.steps.without_rules(state) if following is None else following

    def _asked(self, state: State) -> State | None:
        """The next state by what a proposer says of the nearest one."""
        for proposer in self.proposers:
            case, causes = self.look(state)
            proposed = proposer(case, causes)
            self.keep(proposed)
            following = self.steps.from_causes(state, proposed)
            if following is not None:
                return following
        return None

    def _rule(self, state: State) -> str:
        """The rule by which a state was first tried."""
        return next((one.cause for one in self.search.attempts if one.remedies == state.remedies), UNRULED)

    def _reached(self, state: State) -> str:
        if not state.remedies:
            return ""
        names = ", ".join(remedy.kind for remedy in state.remedies)
        return f"; {names} came nearest, and left refused: {', '.join(figures(state.outcome).refused)}"

    def _for_person(self, state: State) -> None:
        """What would come of remedies that nobody but a person takes: on record, never in the result."""
        for remedy, rule in self._asking()[:FOR_PERSON]:
            self.search.attempt(merged((*state.remedies, remedy)), rule)

    def _asking(self) -> list[tuple[AnyRemedy, str]]:
        """Remedies that may not be taken without a person, and the rule of each."""
        found: list[tuple[AnyRemedy, str]] = []
        for cause in self._sorted():
            known = [remedy for remedy, _ in found]
            found += [(one, cause.rule) for one in cause.remedies if not self.may(one) and one not in known]
        return found

    def _left_to_person(self, state: State) -> tuple[AnyRemedy, ...]:
        """What rests on what nobody stated; and where nothing passes, what only a person takes."""
        assumed = tuple(one for one in state.remedies if isinstance(one, SetInputShapes) and one.assumed)
        return assumed if state else tuple(remedy for remedy, _ in self._asking())

    def report(self, state: State, ended: str, bench: Bench) -> Repair:
        """What is left behind. `state`: the best; the start where nothing passes."""
        start = self.search.start
        status: Literal["healthy", "repaired", "not_repaired"] = "repaired" if state else "not_repaired"
        return Repair(
            status="healthy" if start else status,
            causes=self._sorted(),
            attempts=tuple(self.search.attempts),
            remedies=state.remedies,
            for_person=self._left_to_person(state),
            options=changes(self.options, self.search.options(state.remedies)),
            graph=graph_changes(self.model, self.search.model(state.remedies)),
            before=figures(start.outcome),
            after=figures(state.outcome) if state else None,
            origin=bench.origin,
            ended=ended,
            seconds=self.search.meter.seconds,
        )

    def _sorted(self) -> tuple[Cause, ...]:
        """As found, state after state; what is hardly believed stands last."""
        return tuple(sorted(self.causes.values(), key=lambda cause: cause.confidence < SURE))
