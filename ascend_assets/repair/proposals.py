"""What is worth a try: the remedies of causes in order, a remedy cut into parts, and what is left where no rule speaks.

Here belongs the order, as pure functions. Not here: trying (`search.py`), or what a cause is (`diagnosis/`).
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError

from ascend_assets.diagnosis.cause import Cause
from ascend_assets.diagnosis.offers import usable
from ascend_assets.remedies.kinds import (
    AnyRemedy,
    KeepDtype,
    MixPrecision,
    Remedy,
    SetPrecisionMode,
    SwitchFusionOff,
)
from ascend_assets.repair.bench import Outcome
from ascend_assets.repair.figures import NARROW, faulty
from resources.ascend.toolchain import LayerComparison

UNRULED = "search"
"""Stands for the rule where none spoke: a search by the layers' own errors, or a mode for the whole model."""

SURE = 0.5
"""A confidence from which on a cause is more than a risk."""

PARTS = 8
"""Parts that a remedy is cut into at most."""

May = Callable[[Remedy], bool]
"""Whether a remedy may be taken without asking anybody."""


@dataclass(frozen=True)
class Proposal:
    """A remedy, and the rule that it comes from with the confidence in it."""

    remedy: AnyRemedy
    rule: str
    confidence: float = 0.0

    def rivals(self, passing: Iterable[Remedy]) -> bool:
        """Whether it is worth a try beside a set that passes.

        A mere risk is not, nor a mode for the whole model, nor more nodes in FP32 than suffice.
        """
        if self.confidence < SURE or of_whole_model(self.remedy):
            return False
        kept = set(self.remedy.nodes) if isinstance(self.remedy, KeepDtype) else set()
        return not any(isinstance(one, KeepDtype) and set(one.nodes) <= kept for one in passing)


def of_whole_model(remedy: Remedy) -> bool:
    """Whether it changes the arithmetic of every node, whichever is at fault."""
    return isinstance(remedy, MixPrecision | SetPrecisionMode)


def unattended(remedy: Remedy) -> bool:
    """What may be taken of a file, which is nobody's candidate: everything that leaves trained weights alone."""
    return not remedy.needs_person


def proposed(causes: Iterable[Cause], in_force: Iterable[Remedy], may: May) -> tuple[Proposal, ...]:
    """The remedies of causes that may be taken and are not in force, each once, the most confident cause's first."""
    taken = list(in_force)
    found: list[Proposal] = []
    for cause in sorted(causes, key=lambda cause: -cause.confidence):
        for remedy in cause.remedies:
            if may(remedy) and remedy not in taken:
                taken.append(remedy)
                found.append(Proposal(remedy, cause.rule, cause.confidence))
    return tuple(found)


def together(proposals: Iterable[Proposal]) -> tuple[Proposal, ...]:
    """The first proposal of each rule: what several faults at once may need."""
    first: dict[str, Proposal] = {}
    for proposal in proposals:
        first.setdefault(proposal.rule, proposal)
    return tuple(first.values())


_CUT = ("nodes", "tensors", "operators", "domains", "options")
"""Fields that name what an edit is applied to, one by one."""


def parts(remedy: AnyRemedy) -> tuple[AnyRemedy, ...]:
    """The same remedy for each single thing that it names; nothing where it names one, or more than `PARTS`.

    An edit that fails for one of its nodes fails for all of them.
    """
    for field in _CUT:
        named = getattr(remedy, field, None)
        if isinstance(named, tuple) and 1 < len(named) <= PARTS:
            return tuple(remedy.model_copy(update={field: (one,)}) for one in named)
    return ()


def length(remedy: Remedy) -> int:
    """How many nodes, passes or other things a remedy names; 0 for one that names none."""
    return max((len(value) for _, value in remedy if isinstance(value, tuple | dict)), default=0)


def ranked(outcome: Outcome) -> tuple[str, ...]:
    """Nodes that compute in 16 bits and could be kept in FP32: the largest own error first, NaN and infinity above all.

    Nodes whose names ATC's files cannot hold are left out.
    """
    layers = outcome.comparison.layers if outcome.comparison else ()
    narrow = [layer for layer in layers if layer.dtype in NARROW]
    return usable(layer.node for layer in sorted(narrow, key=_least_wrong))


def _least_wrong(layer: LayerComparison) -> tuple[float, int]:
    error = layer.local_error
    return (-error if math.isfinite(error) else -math.inf, layer.index)


def without_rules(outcome: Outcome) -> Iterator[AnyRemedy]:
    """What may help arithmetic that no rule explains, the least change first; whole modes are the last resort."""
    trial = outcome.comparison.fusion if outcome.comparison else None
    if trial is not None and trial.verdict == "fusion":
        yield from _made(lambda: SwitchFusionOff(passes=trial.passes))
    types = tuple(dict.fromkeys(layer.op for layer in faulty(outcome.comparison)))
    yield MixPrecision()
    if types:
        yield from _made(lambda: MixPrecision(black=types))
    yield SetPrecisionMode(precision_mode="allow_fp32_to_fp16")
    yield SetPrecisionMode(precision_mode="must_keep_origin_dtype")
    yield SetPrecisionMode(precision_mode="force_fp32")


def _made(remedy: Callable[[], AnyRemedy]) -> Iterator[AnyRemedy]:
    """The remedy, where its type takes the names: a pass or a type of another spelling makes none."""
    with suppress(ValidationError):
        yield remedy()


def merged(remedies: Iterable[AnyRemedy]) -> tuple[AnyRemedy, ...]:
    """The same set with one KeepDtype, where the last of them stood."""
    taken = tuple(remedies)
    kept = [remedy for remedy in taken if isinstance(remedy, KeepDtype)]
    if len(kept) < 2:  # noqa: PLR2004 - two can be merged
        return taken
    nodes = tuple(dict.fromkeys(node for remedy in kept for node in remedy.nodes))
    one = KeepDtype(nodes=nodes)
    return tuple(
        one if remedy is kept[-1] else remedy
        for remedy in taken
        if not isinstance(remedy, KeepDtype) or remedy is kept[-1]
    )
