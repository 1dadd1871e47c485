"""Remedies for all targets of a candidate, which share one graph: each target in turn, and again where it changed.

Here belong the order of targets, what they share, and their common bounds. Not here: the search for one target
(`loop.py`), or what it is tried on (`candidate_bench.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from ascend_assets.records import OnnxRecord
from ascend_assets.remedies.apply import apply_options, is_graph
from ascend_assets.remedies.kinds import AnyRemedy
from ascend_assets.repair.budget import Budget
from ascend_assets.repair.candidate_bench import CandidateBench
from ascend_assets.repair.loop import Proposer, repair
from ascend_assets.repair.records import Repair
from ascend_assets.repair.unattended import accepted, alone
from ascend_assets.spec import ModelSpec, Target
from ascend_assets.stage import Tools
from resources.ascend.options import CompileOptions

if TYPE_CHECKING:
    from onnx import ModelProto

ROUNDS = 3
"""How often a target is looked at, because another one changed the graph that they share."""


@dataclass
class Place:
    """One target on its way. `seen`: how many remedies the graph had when the target was last found to pass."""

    target: Target
    bench: CandidateBench
    asked: CompileOptions
    options: list[AnyRemedy] = field(default_factory=list)
    found: Repair | None = None
    seen: int = -1


@dataclass
class Search:
    """What is known until now. `model` is the graph with all of `graph`; `ended`: why not every target passes.

    `accept`: a person has accepted what needs one. `proposers`: who may name causes where rules are silent.
    """

    tools: Tools
    spec: ModelSpec
    places: list[Place]
    model: "ModelProto"
    accept: bool
    proposers: Sequence[Proposer] = ()
    graph: list[AnyRemedy] = field(default_factory=list)
    ended: str = ""
    _attempts: int = 0
    _begin: float = field(default_factory=time.monotonic)

    @classmethod
    def of(
        cls,
        tools: Tools,
        spec: ModelSpec,
        onnx: OnnxRecord,
        model: "ModelProto",
        *,
        accept: bool,
        proposers: Sequence[Proposer] = (),
    ) -> Self:
        """The beginning. `model`: what the failed candidate's record `onnx` names."""
        places = [
            Place(target, CandidateBench(tools, spec, target, onnx), target.options(spec.inputs))
            for target in spec.targets
        ]
        return cls(tools, spec, places, model, accept, proposers)

    @property
    def for_person(self) -> tuple[AnyRemedy, ...]:
        """Remedies that a person has to decide on, of all targets."""
        found = [remedy for place in self.places if place.found for remedy in place.found.for_person]
        return tuple(remedy for number, remedy in enumerate(found) if remedy not in found[:number])

    def run(self) -> None:
        """Until every target passes with one graph, or one cannot be repaired."""
        for _ in range(ROUNDS):
            for place in self.places:
                if place.seen != len(self.graph):
                    self._look(place)
                if self.ended:
                    return
            if all(place.seen == len(self.graph) for place in self.places):
                return
        self.ended = "the targets want different graphs: what repairs one spoils another"

    def _look(self, place: Place) -> None:
        if place.found is not None and place.bench.try_(self.model, apply_options(place.asked, place.options)):
            place.seen = len(self.graph)
            return
        found, model = self._repair(place, self.model, place.asked)
        place.found = joined(place.found, found) if place.found else found
        if found.status == "not_repaired":
            self.ended = f"{place.target.key}: {found.ended}"
            return
        place.options = [remedy for remedy in found.remedies if not is_graph(remedy)]
        self.graph += [remedy for remedy in found.remedies if is_graph(remedy)]
        self.model = model
        place.seen = len(self.graph)

    def _repair(self, place: Place, model: "ModelProto", options: CompileOptions) -> "tuple[Repair, ModelProto]":
        """What is left of the attempts and of the time is spent on one target."""
        settings = self.spec.repair
        left = settings.minutes * 60.0 - (time.monotonic() - self._begin)
        budget = Budget(attempts=max(0, settings.attempts - self._attempts), seconds=max(0.0, left))
        self.tools.say(f"{place.target.key}: at most {budget.attempts} attempts in {budget.seconds:.0f} s")
        may = accepted if self.accept else alone
        found, repaired, _ = repair(
            model, options, place.bench, budget=budget, say=self.tools.say, proposers=self.proposers, may_take=may
        )
        self._attempts += len(found.attempts)
        return found, repaired


def joined(first: Repair, second: Repair) -> Repair:
    """Two searches for one target as one: it began where the first did, and ended as the second did."""
    attempts = (*first.attempts, *second.attempts)
    numbered = tuple(one.model_copy(update={"number": number}) for number, one in enumerate(attempts, start=1))
    return second.model_copy(
        update={
            "causes": first.causes or second.causes,
            "attempts": numbered,
            "before": first.before,
            "seconds": first.seconds + second.seconds,
        }
    )
