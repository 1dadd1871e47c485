"""From summaries to verdicts: how far each feature is, by which measures it has drifted, and what a check says.

Here belong decisions alone, without files or Dagster. Not here: the formulas (`measures.py`), or what a check remembers
(`hysteresis.py`).

A feature has drifted by a measure where chance does not explain the difference (the p-value, corrected for all features
that the measure looks at, is below `significance`) and the distance is above the measure's limit. A check is about the
distance that is exceeded by no more than `share_of_features` of its features, those that chance explains counted as 0:
where that one is above the limit, too many have drifted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ascend_assets.drift import measures
from ascend_assets.drift.correction import corrected
from ascend_assets.drift.grids import Grid
from ascend_assets.drift.hysteresis import Memory, after
from ascend_assets.drift.measures import Bounds
from ascend_assets.drift.records import MEASURES, Distance, DriftCheck, FeatureDrift, Measure
from ascend_assets.drift.summary import Summary, counts
from ascend_assets.spec_production import Drift

_ORDERED = ("number", "discrete")
_COUNTED = ("category", "discrete")
APPLIES: Mapping[Measure, tuple[str, ...]] = {
    "psi": ("number", "discrete", "category"),
    "ks": _ORDERED,
    "wasserstein": _ORDERED,
    "jensen_shannon": ("number", "discrete", "category"),
    "chi_square": _COUNTED,
}
"""Measure -> kinds of features that it is about. Where a model has none of them it is about all: integers are ordered,
and bins of numbers are categories of a sort."""


@dataclass(frozen=True, eq=False)
class Compared:
    """One feature on both sides. `scale`: the reference's standard deviation."""

    name: str
    grid: Grid
    scale: float
    reference: Summary
    production: Summary


@dataclass(frozen=True)
class Finding:
    """What one look says about one check: a value where it could be judged, and why."""

    value: float | None
    why: str
    drifted: int = 0
    features: int = 0


def limits(drift: Drift) -> dict[str, float]:
    """Each measure's limit."""
    return {
        "psi": drift.psi,
        "ks": drift.ks,
        "wasserstein": drift.wasserstein,
        "jensen_shannon": drift.jensen_shannon,
        "chi_square": drift.chi_square,
    }


def features(compared: Sequence[Compared], drift: Drift) -> tuple[FeatureDrift, ...]:
    """Every feature's distances, in the order given; p-values are corrected for each measure by itself."""
    import numpy as np

    raw = [_distances(one) for one in compared]
    found: list[dict[Measure, Distance]] = [{} for _ in compared]
    for measure in MEASURES:
        places = _about(measure, compared)
        p_values = corrected(np.array([raw[place][measure][1] for place in places], dtype=np.float64))
        for place, p in zip(places, p_values, strict=True):
            bounds, _ = raw[place][measure]
            found[place][measure] = Distance(value=bounds.low, error=_apart(bounds), p=float(p))
    return tuple(_feature(one, distances, drift) for one, distances in zip(compared, found, strict=True))


def finding(measure: Measure, found: Sequence[FeatureDrift], drift: Drift) -> Finding:
    """What the features say about a measure's check."""
    about = [one for one in found if measure in one.distances]
    if not about:
        return Finding(None, "no input has a value")
    drifted = [one for one in about if measure in one.drifted]
    distances = sorted((_counted(one.distances[measure], drift.significance) for one in about), reverse=True)
    # The small addition keeps 0.29 of 100 features 29.
    allowed = math.floor(drift.share_of_features * len(about) + 1e-9)
    value = distances[allowed] if allowed < len(distances) else 0.0
    worst = max(about, key=lambda one: _counted(one.distances[measure], drift.significance))
    why = f"{len(drifted)} of {len(about)} features have drifted; at most {allowed} may"
    if drifted:
        why += f"; {worst.name} is furthest: {worst.distances[measure].value:.3g}"
    return Finding(value, why, len(drifted), len(about))


def prediction(one: Compared, drift: Drift) -> tuple[FeatureDrift, Finding]:
    """What the predictions say: their Jensen-Shannon distance."""
    (judged,) = features([one], drift)
    distance = judged.distances["jensen_shannon"]
    value = _counted(distance, drift.significance)
    chance = "" if value else ", which chance explains"
    over = not value <= drift.prediction
    why = f"predictions are {distance.value:.3g} from those on the evaluation data (p {distance.p:.2g}){chance}"
    return judged, Finding(value, why, int(over), 1)


def check(finding: Finding, limit: float, memory: Memory, drift: Drift, *, counts: bool) -> DriftCheck:
    """What a check says after this look. `counts`: whether enough new samples have come for a state to move."""
    if finding.value is None:
        return DriftCheck(
            judged=False,
            value=None,
            limit=limit,
            drifted_features=0,
            features=finding.features,
            state="unjudged",
            held=memory.held,
            streak=memory.streak,
            why=f"not judged: {finding.why}",
        )
    if counts:
        memory = after(memory, finding.value, limit, calm=drift.calm, consecutive=drift.consecutive)
    return DriftCheck(
        judged=True,
        value=finding.value,
        limit=limit,
        drifted_features=finding.drifted,
        features=finding.features,
        state=memory.held,
        held=memory.held,
        streak=memory.streak,
        why=f"{finding.why}{_said(memory, finding.value, limit, drift, counts=counts)}",
    )


def _said(memory: Memory, value: float, limit: float, drift: Drift, *, counts: bool) -> str:
    over = not value <= limit
    wanted = drift.consecutive
    said = ""
    if memory.held == "suspect":
        said = f"; look {memory.streak} of {wanted} before drift is said"
    elif memory.held == "drifted" and not over:
        said = f"; drift stays said until {wanted} looks in a row are calm ({memory.streak} so far)"
    return said if counts else f"{said}; too few new samples for this look to count"


def _distances(one: Compared) -> dict[Measure, tuple[Bounds, float]]:
    """Each measure's distance and p-value, neither judged nor corrected."""
    reference, production = counts(one.grid, one.reference), counts(one.grid, one.production)
    p_bins = measures.chi_square_p(reference, production)
    chance = measures.by_chance(reference, production)
    ks = measures.ks(one.reference, one.production)
    p_ks = measures.ks_p(ks.low, one.reference.count, one.production.count)
    earth = measures.wasserstein(one.grid, one.reference, one.production)
    jensen_shannon, v = measures.jensen_shannon(reference, production), measures.cramers_v(reference, production)
    return {
        "psi": (_exact(max(0.0, measures.psi(reference, production) - chance)), p_bins),
        "ks": (ks, p_ks),
        "wasserstein": (Bounds(_scaled(earth.low, one.scale), _scaled(earth.high, one.scale)), p_ks),
        "jensen_shannon": (_exact(_rooted(jensen_shannon**2 - chance / (8 * math.log(2)))), p_bins),
        "chi_square": (_exact(_rooted(v**2 - chance / 4)), p_bins),
    }


def _feature(one: Compared, distances: dict[Measure, Distance], drift: Drift) -> FeatureDrift:
    bounds = limits(drift)
    production = one.production
    return FeatureDrift(
        name=one.name,
        kind=one.grid.kind,
        reference=one.reference.count,
        production=production.count,
        missing=production.missing,
        infinite=production.infinite,
        outside=_outside(one),
        distances=distances,
        drifted=tuple(
            measure
            for measure, distance in distances.items()
            if not _counted(distance, drift.significance) <= bounds[measure]
        ),
    )


def _outside(one: Compared) -> int:
    """How many of production's values lie outside all that the reference has."""
    edges = one.grid.edges
    below = int(one.production.below[0]) if one.reference.smallest >= edges[0] else 0
    above = one.production.known - int(one.production.upto[-1]) if one.reference.largest <= edges[-1] else 0
    return below + above


def _about(measure: Measure, compared: Sequence[Compared]) -> list[int]:
    own = [place for place, one in enumerate(compared) if one.grid.kind in APPLIES[measure]]
    return own or list(range(len(compared)))


def _counted(distance: Distance, significance: float) -> float:
    """A distance as far as chance does not explain it. One that is NaN, or has no probability, is beyond all."""
    if distance.p >= significance:
        return 0.0
    return math.inf if math.isnan(distance.value) else distance.value


def _scaled(distance: float, scale: float) -> float:
    """In standard deviations of the reference; of one that never varies, any distance is infinite."""
    if distance == 0:
        return 0.0
    return distance / scale if scale > 0 else math.inf


def _rooted(square: float) -> float:
    return math.sqrt(max(0.0, square))


def _exact(value: float) -> Bounds:
    return Bounds(value, value)


def _apart(bounds: Bounds) -> float:
    return 0.0 if bounds.high == bounds.low else bounds.high - bounds.low
