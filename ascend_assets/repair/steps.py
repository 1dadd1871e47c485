"""The steps of a repair: what a state of a model can be followed by, and how a set that passes is made smaller.

Here belongs the choice of what is tried next, from causes or without them. Not here: a single try (`search.py`), or the
order of steps (`loop.py`).
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ascend_assets.diagnosis.cause import Cause
from ascend_assets.remedies.kinds import AnyRemedy, KeepDtype
from ascend_assets.repair import proposals as all_proposals
from ascend_assets.repair.figures import badness, better, objections, only_precision, removed
from ascend_assets.repair.minimal import at_most, ddmin, smallest
from ascend_assets.repair.price import TOUCHING, price
from ascend_assets.repair.proposals import (
    UNRULED,
    May,
    Proposal,
    length,
    merged,
    of_whole_model,
    parts,
    proposed,
    together,
)
from ascend_assets.repair.search import Search, State

CHEAP = 1.0
"""A price below which no alternative is looked for."""

ALTERNATIVES = 12
"""Remedies that are tried for one state of a model that compiles."""

RISK = 0.2
"""A confidence below which a cause is no reason for a compiler's refusal: a risk of another kind."""

TESTS = 24
"""Tries that making one remedy smaller may take; half of them where something else passes already."""

_LISTS = {"keep_dtype": "nodes", "switch_fusion_off": "passes", "mix_precision": "black", "drop_options": "options"}
"""Remedies of which a part may do, and where they list what they name. An edit is made everywhere or nowhere: the same
fault in a place that these inputs spare is a fault."""


@dataclass(frozen=True)
class Steps:
    """Steps of one search. `may`: what is taken without asking anybody. `later`: ways that were not taken."""

    search: Search
    may: May
    later: list[Callable[[], State | None]] = field(default_factory=list)

    def price(self, state: State) -> float:
        """What a state costs, against the first that compiled."""
        return price(state.remedies, state.outcome, self.search.compiled)

    def cost(self, state: State) -> tuple[float, int, int]:
        """The price; of one price, the fewer remedies, then the shorter ones."""
        return (round(self.price(state), 6), len(state.remedies), sum(map(length, state.remedies)))

    def from_causes(self, state: State, causes: Iterable[Cause]) -> State | None:
        """A state that passes or is nearer to it, by a remedy that causes name; None where there is none."""
        found = proposed(causes, state.remedies, self.may)
        return self._converted(state, found) if objections(state.outcome) else self._chosen(state, found)

    def _with(self, state: State, proposal: Proposal) -> State | None:
        return self.search.attempt(merged((*state.remedies, proposal.remedy)), proposal.rule)

    def _converted(self, state: State, found: Sequence[Proposal]) -> State | None:
        """Of a model that the compiler refuses: the first remedy behind which nothing new is refused.

        Else the one that removes most: a compiler shows only what it meets first.
        """
        waiting, cut = deque(one for one in found if one.confidence >= RISK), set[str]()
        best: State | None = None
        most = 0
        while waiting:
            proposal = waiting.popleft()
            tried = self._with(state, proposal)
            if tried is None:
                waiting.extend(self._cut(proposal, cut))
                continue
            if better(state.outcome, tried.outcome):
                self.later.append(partial(self._converted, state, tuple(waiting)))
                return tried
            gone = removed(state.outcome, tried.outcome)
            if gone > most:
                best, most = tried, gone
        return best

    def _cut(self, proposal: Proposal, cut: set[str]) -> Iterable[Proposal]:
        """A remedy that could not be taken as a whole, in parts; once for each."""
        for part in parts(proposal.remedy):
            key = part.model_dump_json()
            if key not in cut:
                cut.add(key)
                yield replace(proposal, remedy=part)

    def _chosen(self, state: State, found: Sequence[Proposal]) -> State | None:
        """Of a model that compiles: the cheapest remedy that passes, else the one that comes nearest, else several."""
        waiting, cut = deque(found[:ALTERNATIVES]), set[str]()
        passing: list[State] = []
        nearer: list[State] = []
        while waiting and not any(self.price(one) <= CHEAP for one in passing):
            proposal = waiting.popleft()
            if any(not proposal.rivals(one.remedies) for one in passing):
                continue
            tried = self._with(state, proposal)
            if tried is None:
                waiting.extend(self._cut(proposal, cut))
            elif tried:
                passing.append(self.made_smaller(tried, proposal.rule, TESTS // 2 if passing else TESTS))
            elif better(state.outcome, tried.outcome):
                nearer.append(tried)
        if not passing and not nearer:
            nearer.extend(self._several(state, found))
        return min(passing, key=self.cost, default=None) or self._nearest(nearer)

    def _nearest(self, nearer: list[State]) -> State | None:
        """The nearest to passing; the others for later, those least near last."""
        ways = sorted(nearer, key=lambda one: (any(map(of_whole_model, one.remedies)), self.distance(one)))
        self.later.extend(partial(_same, way) for way in reversed(ways[1:]))
        return ways[0] if ways else None

    def distance(self, state: State) -> tuple[Any, ...]:
        """How far a state is from passing; what passes is nearest of all."""
        against, worse = objections(state.outcome), badness(state.outcome)
        bad = (len(against), worse.lint, worse.faults, worse.criteria, worse.excess)
        return (not state, *bad, *self.cost(state))

    def another(self) -> State | None:
        """A way that was not taken, the last first; None where there is none."""
        while self.later:
            found = self.later.pop()()
            if found is not None:
                return found
        return None

    def _several(self, state: State, found: Sequence[Proposal]) -> Iterable[State]:
        """What several faults at once may need: the first remedy of each cause, together."""
        firsts = together(found)
        if len(firsts) < 2:  # noqa: PLR2004 - two are several
            return
        taken = merged((*state.remedies, *(one.remedy for one in firsts)))
        tried = self.search.attempt(taken, firsts[0].rule)
        if tried is not None and better(state.outcome, tried.outcome):
            yield self.made_smaller(tried, firsts[0].rule) if tried else tried

    def without_rules(self, state: State) -> State | None:
        """Arithmetic that no rule mends: as few layers in FP32 as pass, else another mode for the whole model."""
        if not only_precision(state.outcome):
            return None
        passing = [one for one in (self.kept(state),) if one is not None]
        for remedy in all_proposals.without_rules(state.outcome):
            if any(self.price(one) <= CHEAP for one in passing):
                break
            tried = self._with(state, Proposal(remedy, UNRULED)) if self.may(remedy) else None
            if tried:
                passing.append(self.made_smaller(tried, UNRULED))
        return min(passing, key=self.cost, default=None)

    def kept(self, state: State) -> State | None:
        """The state with the smallest set of layers in FP32 that passes, by their own errors; None without one."""
        nodes = all_proposals.ranked(state.outcome) if only_precision(state.outcome) else ()
        return self._smallest(state.remedies, KeepDtype(nodes=nodes), state, UNRULED) if nodes else None

    def made_smaller(self, state: State, rule: str, tests: int = TESTS) -> State:
        """A state that passes, without remedies that are not needed, and with shorter ones."""
        taken = state.remedies
        if len(taken) > 1:
            taken = ddmin(
                taken,
                lambda some: bool(self.search.attempt(some, rule, hurried=True)),
                dear=lambda remedy: TOUCHING[remedy.touches],
            )
            state = self.search.passed(taken) or state
        for remedy in state.remedies:
            if len(getattr(remedy, _LISTS.get(remedy.kind, ""), ())) > 1:
                others = tuple(other for other in state.remedies if other is not remedy)
                state = self._smallest(others, remedy, state, rule, tests) or state
        return state

    def _smallest(
        self, others: tuple[AnyRemedy, ...], remedy: AnyRemedy, state: State, rule: str, tests: int = TESTS
    ) -> State | None:
        """`others` with as little of a remedy as passes; None where not even all of it does."""
        field = _LISTS[remedy.kind]
        errors = self.search.own_errors
        ranked = sorted(getattr(remedy, field), key=lambda name: -errors.get(name, 0.0))
        profile = state.outcome.profile
        times = {timed.node: timed.time_us for timed in profile.ops} if profile else {}

        def made(names: tuple[str, ...]) -> tuple[AnyRemedy, ...]:
            return merged((*others, remedy.model_copy(update={field: names})))

        def passes(names: tuple[str, ...]) -> bool:
            return bool(self.search.attempt(made(names), rule, hurried=True))

        found = smallest(ranked, at_most(tests, passes), dear=lambda name: times.get(name, 0.0))
        return None if found is None else self.search.passed(made(found))


def _same(state: State) -> State:
    return state
