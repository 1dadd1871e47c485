"""Whether a model is to be trained again now, and for which reason: pure decisions from facts.

Here belong causes, cool-down, and that one thing is answered once. Not here: where the facts come from (`facts.py`), or
starting a run (`sensors/retraining.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ascend_assets.spec_production import Retraining, Why
from resources.digests import canonical_json, sha256_bytes

_EVIDENCE_CHARACTERS = 40


@dataclass(frozen=True)
class Drifted:
    """What the newest look at drift says. `look`: what it was about. `checks`: those that say drift, but accuracy's."""

    look: str
    checks: tuple[str, ...]
    accuracy: bool


@dataclass(frozen=True)
class Labels:
    """Labelled samples in production's newest window."""

    version: str
    labelled: int
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Facts:
    """What is known of a model. `used`: what its newest challenger was given. `moment`: a schedule's that waits."""

    drifted: Drifted | None = None
    labels: Labels | None = None
    used: Labels | None = None
    moment: datetime | None = None


@dataclass(frozen=True)
class Past:
    """The model's retrainings so far.

    `in_flight`: id of a run that has not ended. `begun`: when the last began, however it ended. `answered`: their
    evidence.
    """

    in_flight: str = ""
    begun: datetime | None = None
    answered: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Cause:
    """A reason to train again. `evidence` stands for what was seen: the same evidence is answered once."""

    why: Why
    said: str
    evidence: str


@dataclass(frozen=True)
class Due:
    """Train now."""

    cause: Cause


@dataclass(frozen=True)
class Wait:
    """There is a cause, and a reason to wait. `over`: the cause is answered, so that nothing is waited for."""

    said: str
    over: bool = False


def causes(wanted: Retraining, facts: Facts) -> tuple[Cause, ...]:
    """Every reason that there is, the gravest first."""
    return tuple(_causes(wanted, facts))


def decide(wanted: Retraining, facts: Facts, past: Past, now: datetime) -> Due | Wait | None:
    """Whether to train now; None where nothing asks for it.

    In order: each piece of evidence is answered once; as many labelled samples are needed as the model's file asks for;
    one retraining of a model at a time; none within the cool-down, counted from the last one's beginning even if it
    failed.
    """
    found = causes(wanted, facts)
    if not found:
        return None
    fresh = [cause for cause in found if cause.evidence not in past.answered]
    if not fresh:
        return Wait(f"{found[0].said}: answered before", over=True)
    cause = fresh[0]
    labelled = facts.labels.labelled if facts.labels else 0
    if labelled < wanted.minimum_labelled:
        return Wait(f"{cause.said}, but {labelled} labelled samples of {wanted.minimum_labelled} that it takes")
    if past.in_flight:
        return Wait(f"{cause.said}, and a retraining is on its way: run {past.in_flight[:8]}")
    cool = timedelta(hours=wanted.cool_down_hours)
    if past.begun is not None and now < past.begun + cool:
        began, after = (f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" for moment in (past.begun, past.begun + cool))
        return Wait(f"{cause.said}, and the last retraining began {began} UTC: none before {after}")
    return Due(cause)


def new_labels(labels: Labels, used: Labels | None) -> int:
    """How many labelled samples the last challenger cannot have seen, at least.

    All of them where its window had ended before; else those that are more than it was given. Exact counts would take
    reading every sample at every look.
    """
    if used is None or labels.since >= used.until:
        return labels.labelled
    return max(0, labels.labelled - used.labelled)


def _causes(wanted: Retraining, facts: Facts) -> Iterator[Cause]:
    drifted, labels = facts.drifted, facts.labels
    if drifted and drifted.accuracy and "accuracy" in wanted.started_by:
        yield _cause("accuracy", "accuracy has fallen", drifted.look)
    if drifted and drifted.checks and "drift" in wanted.started_by:
        yield _cause("drift", f"drift by {', '.join(drifted.checks)}", drifted.look)
    if labels and "data" in wanted.started_by and new_labels(labels, facts.used) >= wanted.minimum_labelled:
        yield _cause("data", f"{new_labels(labels, facts.used)} new labelled samples", labels.version)
    if facts.moment:
        yield _cause("schedule", f"due by its schedule at {facts.moment:%Y-%m-%d %H:%M} UTC", facts.moment.isoformat())


def _cause(why: Why, said: str, about: str) -> Cause:
    # Accuracy and drift that one look found are one piece of evidence: they are answered together.
    kind = "drift" if why == "accuracy" else why
    digest = sha256_bytes(canonical_json({"kind": kind, "about": about}))
    return Cause(why, said, digest[:_EVIDENCE_CHARACTERS])
