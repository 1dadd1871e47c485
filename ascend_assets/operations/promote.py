"""promote: make a release an environment's present, if it meets everything that the environment demands.

Here belong gathering the facts, the decision as a document, and appending it to the ledger. Not here: the demands
(`ascend_assets/gates/admission.py`), or going back (`rollback.py`).
"""

from dataclasses import dataclass
from datetime import timedelta

from ascend_assets.environments import Environment
from ascend_assets.gates import admission
from ascend_assets.gates.admission import Facts, Judged
from ascend_assets.operations import health, judging, result
from ascend_assets.operations.appending import append
from ascend_assets.operations.wording import told
from ascend_assets.stage import Tools
from resources.registry import released as registered
from resources.registry.admissions import Admission, Requirement
from resources.registry.ledger import Entry, Kind, Present
from resources.registry.manifests import NotReleased
from resources.registry.released import Released
from resources.registry.releases import Release
from resources.registry.stays import Record, record_of

_CLOCKS = timedelta(days=1)
"""By how much the clocks of who released and who deployed may differ."""


class NotAdmitted(Exception):
    """A release that may not enter an environment. `unmet`: every requirement that it does not meet."""

    def __init__(self, name: str, version: str, environment: str, unmet: tuple[Requirement, ...]) -> None:
        self.unmet = unmet
        listed = "\n".join(f"  - {told(requirement)}" for requirement in unmet)
        super().__init__(f"{name} {version} may not enter {environment}:\n{listed}")


@dataclass(frozen=True)
class Plan:
    """A move that was decided on, and not yet made. `present`: the environment that it was decided in."""

    released: Released
    environment: Environment
    present: Present
    admission: Admission
    actor: str
    reason: str

    @property
    def unmet(self) -> tuple[Requirement, ...]:
        """What stands against it; nothing means that the move may be made."""
        return self.admission.unmet

    def entry(self) -> Entry:
        """The ledger entry that makes the move. Raises `ClockBehind`."""
        return self.present.follow(
            kind=self.admission.kind,
            version=self.released.version,
            release_digest=self.released.digest,
            actor=self.actor,
            reason=self.reason,
            at=self.admission.at,
            policy_digest=self.admission.policy_digest,
            admission=self.admission.digest,
        )


def promote(
    tools: Tools,
    *,
    name: str,
    environment: str,
    version: str = "",
    actor: str,
    reason: str,
    dry_run: bool = False,
) -> Entry:
    """Make a release the environment's present; returns the entry that made it so, an older one if it already was.

    Without a version: the one that is live in the environment before, and for the first the highest. With
    `dry_run` the entry is returned and not written. Raises `NotAdmitted`, `NotReleased`,
    `CorruptRelease`, `NoSuchEnvironment`, `LedgerMoved` where somebody was faster, `LedgerBroken`, `ClockBehind`.
    """
    found = _find(tools, name, version or default_version(tools, name, environment))
    policy = tools.environments.get(environment)
    present = tools.ledger.present(policy.name, name)
    if present.live is not None and present.live.release_digest == found.digest:
        return present.live
    decided = _decide(tools, found, policy, present, actor=actor, reason=reason)
    if decided.unmet:
        raise NotAdmitted(name, found.version, environment, decided.unmet)
    return decided.entry() if dry_run else make(tools, decided)


def plan(tools: Tools, *, name: str, environment: str, version: str = "", actor: str, reason: str) -> Plan:
    """Decide on a promotion, and write nothing. Raises as `promote` does, but for `NotAdmitted` and `LedgerMoved`."""
    found = _find(tools, name, version or default_version(tools, name, environment))
    policy = tools.environments.get(environment)
    return _decide(tools, found, policy, tools.ledger.present(policy.name, name), actor=actor, reason=reason)


def make(tools: Tools, decided: Plan) -> Entry:
    """Append a move that was decided on; what it was decided on is kept first. Raises `LedgerMoved`, `ClockBehind`."""
    entry = decided.entry()
    append(tools, entry, decided.environment, decided.admission)
    return entry


def default_version(tools: Tools, name: str, environment: str) -> str:
    """What is live in the environment before; for the first the highest version. Raises `NotReleased`."""
    before = tools.environments.before(environment)
    if before is None:
        return registered.latest(tools.registry.store, name).version
    live = tools.ledger.live(before.name, name)
    if live is None:
        raise NotReleased(f"no release of {name} is live in {before.name}: promote one there first, or name a version")
    return live.version


def _find(tools: Tools, name: str, version: str) -> Released:
    return registered.find(tools.registry.store, name, version)


def _decide(tools: Tools, found: Released, policy: Environment, present: Present, *, actor: str, reason: str) -> Plan:
    now = tools.now()
    signed = health.signed(policy, found, present, now)
    tested = result.newest(tools, policy, present, found.digest)
    judged = {release.model: _judged(tools, release, found.name) for release in found.releases}
    facts = Facts(
        released=found,
        present=present,
        judged=judged,
        before=_before(tools, found, policy),
        elsewhere=(signed.requirement, *health.artefacts(tools, found)),
        result=tested,
        now=now,
    )
    document = Admission(
        model=found.name,
        version=found.version,
        release_digest=found.digest,
        environment=policy.name,
        kind=Kind.DEPLOY,
        live=present.live_digest,
        policy_digest=policy.digest,
        approvals=tuple(entry.digest for entry in signed.counted),
        results=(tested[0].digest,) if tested else (),
        requirements=admission.requirements(policy, facts),
        verdicts=tuple(v.model_dump(mode="json") for j in judged.values() for v in j.verdicts),
        at=now,
    )
    return Plan(found, policy, present, document, actor, reason)


def _judged(tools: Tools, release: Release, within: str) -> Judged:
    try:
        return Judged(judging.rejudge(tools, release, within=within))
    except judging.NotJudgeable as error:
        return Judged((), str(error))


def _before(tools: Tools, found: Released, policy: Environment) -> tuple[Environment, Record] | None:
    origin = tools.environments.before(policy.name)
    if origin is None:
        return None
    record = record_of(
        tools.ledger.backwards(origin.name, found.name),
        found.digest,
        tools.now(),
        enough=timedelta(hours=policy.soak_hours),
        not_before=found.manifest.created_at - _CLOCKS,
    )
    return origin, record
