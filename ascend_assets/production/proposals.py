"""Limits that production's figures propose: for a person to merge, never in force by themselves.

Here belong drawing proposals from looks at production, and the patch of the model's file. Not here: figures
(`metrics.py`), or editing text (`yaml_edits.py`). Tightening is proposed where production has long kept much more than
the limit asks; loosening where it breaks the limit as a rule. Both are only said: whether the limit is right or the
model, a person decides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import yaml
from pydantic import ValidationError

from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.policy_file import in_force
from ascend_assets.production.records import MetricsRecord, Proposal
from ascend_assets.production.yaml_edits import CannotEdit, patch, set_limit
from ascend_assets.spec import ModelSpec

LEAST_LOOKS = 24
LEAST_SPAN = timedelta(days=2)
LEAST_REQUESTS = 100
"""Looks with requests enough, and the time from the first to the last, before anything is proposed."""
MOST_LOOKS = 168
"""A week of hours."""
BUSY = 0.95
"""The quantile of the looks that a proposal is drawn from: all but the worst hours."""
MARGIN = 1.2
"""Above the observed latency; below the observed rate and utilisation."""
WORTH = 0.8
"""A limit is tightened where the new one is below this share of it: less is not worth a merge."""


@dataclass(frozen=True)
class Proposed:
    """What is proposed, and why nothing is where one might expect it."""

    proposals: tuple[Proposal, ...]
    looks: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Patch:
    """A change of the model's file; `why_not` says why there is none."""

    diff: str
    why_not: str = ""


def propose(spec: ModelSpec, environment: str, looks: Sequence[MetricsRecord]) -> Proposed:
    """Proposals for the limits of one environment. Looks at another one are left out."""
    used = [
        one for one in looks if one.environment == environment and (one.figures.get("requests") or 0) >= LEAST_REQUESTS
    ]
    span = max((one.at for one in used), default=None)
    first = min((one.at for one in used), default=None)
    if span is None or first is None or len(used) < LEAST_LOOKS or span - first < LEAST_SPAN:
        days = (span - first) / timedelta(days=1) if span and first else 0.0
        few = (
            f"nothing is proposed yet: {len(used)} looks with at least {LEAST_REQUESTS} requests over {days:.1f} days, "
            f"{LEAST_LOOKS} over {LEAST_SPAN.days} days are needed"
        )
        return Proposed((), len(used), (few,))
    found = (
        _latency(spec, environment, used),
        _throughput(spec, environment, used),
        _utilisation(spec, environment, used),
    )
    proposals = tuple(one for one in found if isinstance(one, Proposal))
    return Proposed(proposals, len(used), tuple(one for one in found if isinstance(one, str) and one))


def patch_of(spec: ModelSpec, file: Path, name: str, proposals: Sequence[Proposal]) -> Patch:
    """The patch that sets the proposed limits in the model's file. `name`: its path from the repository's top.

    The edited text is read back: it must be the same model with exactly these limits.
    """
    if not proposals:
        return Patch("")
    try:
        before = file.read_bytes().decode("utf-8")
        after = before
        for one in proposals:
            present = {e: _text(limit) for e, limit in spec.limits(one.criterion).items()}
            after = set_limit(after, one.criterion, one.environment, _text(one.proposed), present)
        read = ModelSpec.model_validate(yaml.safe_load(after)["attributes"])
        same = ModelSpec.model_validate(yaml.safe_load(before)["attributes"]) == spec
    except (OSError, UnicodeDecodeError, CannotEdit, ValidationError, yaml.YAMLError, TypeError, KeyError) as error:
        return Patch("", f"no patch could be made of {name}: {str(error).splitlines()[0][:200]}")
    if not same:
        return Patch("", f"{name} has changed since this was loaded: look again")
    if any(read.limits(c) != _with(spec, c, proposals) for c in CRITERIA) or not _only_gates(read, spec):
        return Patch("", f"no patch could be made of {name}: set the limits by hand")
    return Patch(patch(name, before, after))


def _latency(spec: ModelSpec, environment: str, looks: Sequence[MetricsRecord]) -> Proposal | str:
    values = _values(looks, "latency_p99_ms")
    if not values:
        return "latency_p99_ms: no look knows it"
    present, busy, usual = spec.limits("latency_p99_ms")[environment], _quantile(values, BUSY), _quantile(values, 0.5)
    wanted = _rounded(busy * MARGIN, up=True)
    said = f"P99 of an hour was {usual:.3g} ms as a rule and at most {busy:.3g} ms in {BUSY:.0%} of {len(values)} looks"
    if usual > present:
        why = f"{said}: more than the limit as a rule. Mend the model, or admit what users get: {MARGIN:g} times that"
        return _proposal(spec, "latency_p99_ms", environment, wanted, "loosen", len(values), why)
    if wanted <= WORTH * present:
        why = f"{said}; {MARGIN:g} times that would still be kept"
        return _proposal(spec, "latency_p99_ms", environment, wanted, "tighten", len(values), why)
    return ""


def _throughput(spec: ModelSpec, environment: str, looks: Sequence[MetricsRecord]) -> Proposal | str:
    """What one device must do, if production's busiest hours are shared by all cards. Idle hours propose nothing."""
    values = _values(looks, "requests_per_second")
    if not values:
        return ""
    cards = in_force().get(environment).hardware.cards
    peak = _quantile(values, BUSY)
    wanted = _rounded(peak * MARGIN / cards, up=False)
    if wanted * WORTH <= spec.limits("throughput")[environment]:
        return ""
    why = (
        f"{peak:.3g} requests a second were asked for in busy hours, of {cards} card{'s' if cards > 1 else ''}: "
        f"one must do its share, with {MARGIN - 1:.0%} to spare (a request counted as one sample)"
    )
    return _proposal(spec, "throughput", environment, wanted, "tighten", len(values), why)


def _utilisation(spec: ModelSpec, environment: str, looks: Sequence[MetricsRecord]) -> Proposal | str:
    """NPUs that are busy in production must be so in the benchmark. Idle ones propose nothing."""
    values = _values(looks, "npu_utilisation")
    if not values:
        return ""
    busy = _quantile(values, BUSY)
    wanted = _rounded(min(busy, 1.0) / MARGIN, up=False)
    if wanted * WORTH <= spec.limits("aicore_utilisation")[environment]:
        return ""
    why = (
        f"NPUs were busy for {busy:.0%} of the time in busy hours: a benchmark that is much below is no better release"
    )
    return _proposal(spec, "aicore_utilisation", environment, wanted, "tighten", len(values), why)


def _proposal(
    spec: ModelSpec,
    criterion: str,
    environment: str,
    wanted: float,
    kind: Literal["tighten", "loosen"],
    looks: int,
    why: str,
) -> Proposal | str:
    """A proposal that leaves the limits in order from the first environment to the last; else why there is none."""
    limits, sense = spec.limits(criterion), CRITERIA[criterion].sense
    names = in_force().names
    place = names.index(environment)
    # Towards the last environment limits tighten: this one's lies between its neighbours'.
    neighbours = [limits[name] for name in (names[place + 1 :] if kind == "tighten" else names[:place])]
    low = (sense == "<=") == (kind == "tighten")
    proposed = max([wanted, *neighbours]) if low else min([wanted, *neighbours])
    if proposed == limits[environment] or (proposed < limits[environment]) != low:
        order = f"from {names[0]} to {names[-1]} limits tighten"
        return f"{criterion}: {why}. It cannot be {kind}ed in {environment} alone: {order}"
    return Proposal(
        criterion=criterion,
        environment=environment,
        present=limits[environment],
        proposed=proposed,
        kind=kind,
        unit=CRITERIA[criterion].unit,
        looks=looks,
        why=why,
    )


def _values(looks: Sequence[MetricsRecord], figure: str) -> list[float]:
    found = (one.figures.get(figure) for one in looks)
    return sorted(value for value in found if value is not None and math.isfinite(value) and value >= 0)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of the values does not pass (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _rounded(value: float, *, up: bool) -> float:
    """Two digits, for a person."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    steps = value / unit
    return round((math.ceil(steps - 1e-9) if up else math.floor(steps + 1e-9)) * unit, 12)


def _text(value: float) -> str:
    """A number as YAML reads it back: PyYAML takes 1e-05 for text."""
    plain = f"{value:.12f}".rstrip("0")
    return f"{plain}0" if plain.endswith(".") else plain


def _with(spec: ModelSpec, criterion: str, proposals: Sequence[Proposal]) -> dict[str, float]:
    new = {one.environment: one.proposed for one in proposals if one.criterion == criterion}
    return {**spec.limits(criterion), **new}


def _only_gates(read: ModelSpec, spec: ModelSpec) -> bool:
    return read.model_dump(exclude={"gates"}) == spec.model_dump(exclude={"gates"})
