"""standing: how a model stands in an environment: what is live, and the release that waits in the environment before.

Here belong looking, and saying it in three answers: approvals, admissibility, health. Nothing is written. Not here:
what is demanded (`ascend_assets/gates`), moving anything (`promote.py`, `rollback.py`), or how Dagster shows it
(`ascend_assets/deployments.py`).
"""

from dataclasses import dataclass
from datetime import timedelta

from ascend_assets.dossier.text import clean
from ascend_assets.environments import Environment
from ascend_assets.gates import approvals
from ascend_assets.gates.wording import listing
from ascend_assets.operations import health, promote
from ascend_assets.operations.promote import Plan
from ascend_assets.operations.wording import told
from ascend_assets.stage import Tools
from resources.digests import canonical_json, sha256_bytes
from resources.registry import audit, released
from resources.registry.admissions import Admission, Requirement
from resources.registry.ledger import Entry, LedgerBroken, Present
from resources.registry.manifests import RegistryError
from resources.registry.stays import record_of

ANSWERS: dict[str, str] = {
    "approvals": "Who signed for what is live, and for the release that waits in the environment before.",
    "admissibility": "On what the live release was let in, and whether the one that waits may enter, and why not.",
    "health": "Whether what is live is all there, undamaged, rightly signed, and loads on its targets.",
}
"""Name of an answer -> what it says."""

_REASON = 120
"""Characters of a reason where there are several."""
_LONGEST = 1000
"""Characters of what is wrong with what is live: a file's whole path among them."""
_CLOCKS = timedelta(days=1)
_LOOKER = "standing"


@dataclass(frozen=True)
class Answer:
    """One answer. `broken`: what is live is wrong; otherwise an answer that is not met only informs.

    `live`, `waiting`: the requirements it speaks of.
    """

    name: str
    met: bool
    broken: bool
    why: str
    live: tuple[Requirement, ...] = ()
    waiting: tuple[Requirement, ...] = ()


@dataclass(frozen=True)
class Standing:
    """What was found. `looked_at`: health of what is live. `admitted`: on what that was decided, where it was kept.

    `waiting`: the decision on the release that is live in the environment before and not here; `obstacle` says why
    nobody could decide on it; `left_by`: the rollback by which it was left here. `mark`: see `Glance`.
    """

    model: str
    environment: Environment
    before: Environment | None
    present: Present
    looked_at: tuple[Requirement, ...]
    admitted: Admission | None
    not_kept: str
    waiting: Plan | None
    obstacle: str
    left_by: Entry | None
    mark: str


@dataclass(frozen=True)
class Glance:
    """What is live, and the mark: a digest of all in the ledgers and the policy that a standing depends on.

    A standing of another mark is out of date. Time is left out: a release that waits for its hours to pass has the
    same mark. `empty`: nothing is here, and nothing waits.
    """

    mark: str
    live: Entry | None
    empty: bool


def look(tools: Tools, model: str, environment: str) -> Standing:
    """Look at everything. Raises `NoSuchEnvironment`, `LedgerBroken`, `StoreError`."""
    policy = tools.environments.get(environment)
    before = tools.environments.before(environment)
    present = tools.ledger.present(policy.name, model)
    origin, trouble = _origin(tools, before, model)
    admitted, not_kept = _admitted(tools, present.live)
    waits = origin if origin and not _is_live(present, origin.release_digest) else None
    waiting, obstacle = _waiting(tools, waits, policy)
    return Standing(
        model=model,
        environment=policy,
        before=before,
        present=present,
        looked_at=health.of_entry(tools, present.live) if present.live else (),
        admitted=admitted,
        not_kept=not_kept,
        waiting=waiting,
        obstacle=obstacle or trouble,
        left_by=_left_by(tools, waiting) if waiting else None,
        mark=_mark(policy, present, origin, trouble),
    )


def glance(tools: Tools, model: str, environment: str) -> Glance:
    """Look at the ends of the ledgers only. Raises `NoSuchEnvironment`, `LedgerBroken`, `StoreError`."""
    policy = tools.environments.get(environment)
    before = tools.environments.before(environment)
    present = tools.ledger.present(policy.name, model)
    origin, trouble = _origin(tools, before, model)
    empty = present.head is None and origin is None and not trouble
    return Glance(_mark(policy, present, origin, trouble), present.live, empty)


def answers(standing: Standing) -> tuple[Answer, ...]:
    """The three answers, in the order of `ANSWERS`."""
    return (_approvals(standing), _admissibility(standing), _health(standing))


def unreadable(why: str) -> tuple[Answer, ...]:
    """The three answers where the ledger itself cannot be believed."""
    return tuple(Answer(name, met=False, broken=True, why=why) for name in ANSWERS)


def _origin(tools: Tools, before: Environment | None, model: str) -> tuple[Entry | None, str]:
    """What is live in the environment before; or why nobody knows, which hides nothing of what is live here."""
    if before is None:
        return None, ""
    try:
        return tools.ledger.live(before.name, model), ""
    except LedgerBroken as error:
        return None, f"nobody knows what waits in {before.name}: {error}"


def _mark(policy: Environment, present: Present, origin: Entry | None, trouble: str) -> str:
    known = {
        "policy": policy.digest,
        "head": present.head.digest if present.head else None,
        "before": origin.digest if origin else trouble,
    }
    return sha256_bytes(canonical_json(known))


def _is_live(present: Present, digest: str) -> bool:
    return present.live is not None and present.live.release_digest == digest


def _admitted(tools: Tools, live: Entry | None) -> tuple[Admission | None, str]:
    if live is None:
        return None, ""
    if live.admission is None:
        return None, "was let in before the reasons were kept"
    try:
        return audit.admission(tools.registry.store, live), ""
    except LedgerBroken as error:
        return None, f"was let in on what cannot be read: {error.why}"


def _waiting(tools: Tools, origin: Entry | None, policy: Environment) -> tuple[Plan | None, str]:
    if origin is None:
        return None, ""
    name, version = origin.model, origin.version
    try:
        found = released.find(tools.registry.store, name, version, digest=origin.release_digest)
        decided = promote.plan(
            tools, name=name, environment=policy.name, version=found.version, actor=_LOOKER, reason="a look"
        )
    except RegistryError as error:
        return None, f"{version} waits in {origin.environment}, but cannot be judged: {error}"
    return decided, ""


def _left_by(tools: Tools, plan: Plan) -> Entry | None:
    """The rollback by which the waiting release was left here. Entries older than the release are not read."""
    entries = tools.ledger.backwards(plan.environment.name, plan.released.name)
    record = record_of(
        entries,
        plan.released.digest,
        plan.admission.at,
        enough=timedelta(),
        not_before=plan.released.manifest.created_at - _CLOCKS,
    )
    return record.newest.ended_by if record.newest and record.failed else None


def _approvals(standing: Standing) -> Answer:
    live = tuple(r for r in standing.looked_at if r.name == approvals.NAME)
    waiting = tuple(r for r in _decided(standing) if r.name == approvals.NAME)
    parts = [": ".join([_live(standing), *map(_signed, live)])]
    parts += [": ".join([_waits(standing), *map(_signed, waiting)])] if waiting else _nothing(standing)
    unasked = not standing.environment.approvals.required
    return Answer(
        "approvals",
        met=all((*live, *waiting)) and not standing.obstacle and bool(live or waiting or unasked),
        broken=not all(live),
        why=_sentences(parts),
        live=live,
        waiting=waiting,
    )


def _signed(requirement: Requirement) -> str:
    return told(requirement).removeprefix(f"{approvals.NAME}: ")


def _admissibility(standing: Standing) -> Answer:
    admitted, live = standing.admitted, standing.present.live
    kept = admitted.requirements if admitted else ()
    faults = admitted.unmet if admitted else ()
    if live is None:
        said = _live(standing)
    elif admitted is None:
        said = f"{_live(standing)}, and {standing.not_kept}"
    else:
        same = admitted.policy_digest == standing.environment.digest
        policy = "the policy in force" if same else f"an earlier policy ({admitted.policy_digest[:12]})"
        said = f"{_live(standing)}, let in under {policy}"
        said += f" though it did not meet {listing([told(r) for r in faults])}" if faults else ""
    unmet = standing.waiting.unmet if standing.waiting else ()
    may = [_verdict(standing, unmet)] if standing.waiting else _nothing(standing)
    return Answer(
        "admissibility",
        met=not unmet and not faults and not standing.obstacle and bool(standing.waiting or admitted),
        broken=bool(faults) or (live is not None and admitted is None and live.admission is not None),
        why=_sentences([said, *may]),
        live=kept,
        waiting=_decided(standing),
    )


def _verdict(standing: Standing, unmet: tuple[Requirement, ...]) -> str:
    if unmet:
        return f"{_waits(standing)} and may not enter yet: {_missing(unmet, len(_decided(standing)))}"
    left = standing.left_by
    warning = f" (it was live here before and left by a rollback: {left.reason})" if left else ""
    return f"{_waits(standing)} and may enter{warning}: {promotion(standing.model, standing.environment.name)}"


def _missing(unmet: tuple[Requirement, ...], of: int) -> str:
    """One requirement with its remedy; of many the reasons alone, for the table beside has the remedies."""
    if len(unmet) == 1:
        return told(unmet[0])
    reasons = "; ".join(f"{r.name} ({clean(' '.join(r.why.split()), _REASON)})" for r in unmet)
    return f"{len(unmet)} of {of} requirements are not met: {reasons}"


def _health(standing: Standing) -> Answer:
    unmet = [r for r in standing.looked_at if not r]
    shown = unmet or [r for r in standing.looked_at if r.name != "manifest"]
    said = f": {listing([told(r) for r in shown], longest=_LONGEST)}" if shown else ", so there is nothing to look at"
    return Answer(
        "health",
        met=bool(standing.looked_at) and not unmet,
        broken=bool(unmet),
        why=_sentences([f"{_live(standing)}{said}"]),
        live=standing.looked_at,
    )


def _sentences(parts: list[str]) -> str:
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts)


def promotion(model: str, environment: str, version: str = "") -> str:
    """How a release is promoted, in words."""
    chosen = f" --version {version}" if version else ""
    return f"job promote, or: ascend promote {model}{chosen} --to {environment} --reason WHY"


def _decided(standing: Standing) -> tuple[Requirement, ...]:
    return standing.waiting.admission.requirements if standing.waiting else ()


def _live(standing: Standing) -> str:
    live = standing.present.live
    if live is None:
        return f"nothing of {standing.model} is live in {standing.environment.name}"
    return f"{live.version} is live in {standing.environment.name} (entry {live.sequence})"


def _waits(standing: Standing) -> str:
    version = standing.waiting.released.version if standing.waiting else ""
    return f"{version} waits in {standing.before.name if standing.before else ''}"


def _nothing(standing: Standing) -> list[str]:
    """Why there is no word on a release that waits."""
    if standing.obstacle:
        return [standing.obstacle]
    return [f"nothing waits in {standing.before.name}"] if standing.before else []
