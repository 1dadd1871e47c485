"""An outcome in figures: what a report shows of it, and whether one is better than another.

Here belong pure readings of outcomes. Not here: what a remedy costs (`price.py`), or whether an outcome passes (the
gates have said so).
"""

import math
from dataclasses import dataclass

from ascend_assets.gates import conversion, lint, precision
from ascend_assets.gates.precision import OWN_ERROR
from ascend_assets.gates.verdict import Verdict
from ascend_assets.repair.bench import Outcome
from ascend_assets.repair.records import Figures
from resources.ascend.toolchain import Comparison, LayerComparison

NOTICEABLE = 0.05
"""The share by which what is exceeded must fall to count as better: less is noise of rounding."""

_MOST = 1e6
"""Times beyond a limit that are told apart; what is no number, or could not be judged, counts as so much."""

NARROW = frozenset({"float16", "bfloat16"})
"""What a device computes a layer in to save time."""

_LINT, _PRECISION = frozenset(lint.CRITERIA_NAMES), frozenset(precision.CRITERIA_NAMES)


def figures(outcome: Outcome | None) -> Figures:
    """What a report shows; nothing for what could not be tried."""
    if outcome is None:
        return Figures(refused=())
    comparison, profile = outcome.comparison, outcome.profile
    return Figures(
        refused=refused(outcome),
        error=_error(comparison) if comparison else None,
        latency_ms=profile.latency_ms.p50 if profile else None,
        kept_share=kept_share(comparison) if comparison and comparison.layers else None,
    )


def refused(outcome: Outcome) -> tuple[str, ...]:
    """The criteria that keep it out, each once, in the gates' order."""
    return tuple(dict.fromkeys(verdict.criterion for verdict in outcome.verdicts if not verdict))


def _error(comparison: Comparison) -> float:
    """The largest relative Euclidean distance of an output; NaN where one has none, infinite without outputs."""
    distances = [output.relative_euclidean_distance for output in comparison.outputs]
    return math.nan if any(map(math.isnan, distances)) else max(distances, default=math.inf)


def kept_share(comparison: Comparison) -> float:
    """The share of the layers with float arithmetic that compute in FP32; 0 where there is none."""
    floats = [layer for layer in comparison.layers if layer.dtype != "other"]
    return sum(layer.dtype == "float32" for layer in floats) / len(floats) if floats else 0.0


def faulty(comparison: Comparison | None) -> tuple[LayerComparison, ...]:
    """Layers whose own arithmetic spoils their result, whatever reaches them; NaN counts."""
    layers = comparison.layers if comparison else ()
    return tuple(layer for layer in layers if not layer.local_error <= OWN_ERROR)


def of_precision(outcome: Outcome) -> bool:
    """Whether it compiles, and its arithmetic is among what is refused."""
    return outcome.comparison is not None and not _PRECISION.isdisjoint(refused(outcome))


def only_precision(outcome: Outcome) -> bool:
    """Whether it compiles, and nothing but its arithmetic is refused: what layers in FP32 can mend."""
    return of_precision(outcome) and _PRECISION.issuperset(refused(outcome))


def objections(outcome: Outcome) -> frozenset[tuple[str, str]]:
    """What a compiler has against it: codes with the node each is about, or with its words. Empty once it compiles."""
    against = [v for v in outcome.verdicts if v.criterion == conversion.NAME and not v]
    said = [item for item in outcome.diagnostics if not item.code.startswith("W")]
    if not against:
        return frozenset()
    found = {(item.code, about) for item in said for about in item.nodes or (item.message,)}
    return frozenset(found or {("", verdict.why) for verdict in against})


@dataclass(frozen=True)
class Badness:
    """How bad an outcome that compiles is. `lint`, `faults`, `criteria`: how many; `excess`: how far beyond limits."""

    lint: int
    faults: int
    criteria: int
    excess: float


def badness(outcome: Outcome) -> Badness:
    """Of an outcome that compiles."""
    names = refused(outcome)
    against = [verdict for verdict in outcome.verdicts if not verdict]
    return Badness(
        lint=sum(name in _LINT for name in names),
        faults=len(faulty(outcome.comparison)) if of_precision(outcome) else 0,
        criteria=len(names),
        excess=math.fsum(map(_excess, against)),
    )


def _excess(verdict: Verdict) -> float:
    """How many times beyond its strictest limit, in powers of two; `_MOST` for what is no number."""
    value = verdict.value
    if value is None or not math.isfinite(value) or not verdict.limits:
        return math.log2(_MOST)
    limit = next(iter(verdict.limits.values()))
    over, under = (value, limit) if verdict.sense == "<=" else (limit, value)
    times = 1 + over - under if under <= 0 else over / under
    return math.log2(min(max(times, 1.0), _MOST))


def better(before: Outcome, after: Outcome) -> bool:
    """Whether `after` is nearer to passing than `before`, which does not pass.

    One that compiles is better than one that does not; of two that do not, the one with nothing new among fewer
    objections. Of two that compile: nothing refused that was not, and fewer lint criteria, fewer faulty layers, fewer
    criteria, or clearly less beyond limits, whichever differs first.
    """
    was, now = objections(before), objections(after)
    if was or now:
        return bool(was) and now < was
    if after:
        return True
    if not set(refused(after)) <= set(refused(before)):
        return False
    a, b = badness(before), badness(after)
    first, second = (a.lint, a.faults, a.criteria), (b.lint, b.faults, b.criteria)
    return second < first or (second == first and b.excess < a.excess * (1 - NOTICEABLE))


def removed(before: Outcome, after: Outcome) -> int:
    """How many of the compiler's objections are gone, fewer for new ones; 0 or less where nothing is won."""
    was, now = objections(before), objections(after)
    gone = len(was - now)
    # ATC shows what it meets first: what comes into sight behind it is no reason against a remedy.
    return gone or -len(now - was)
