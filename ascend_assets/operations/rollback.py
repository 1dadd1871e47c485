"""rollback: return an environment to a release that was live there, if that one is still fit.

Here belong finding it, looking at it, and appending the move to the ledger. It must work at night from a fresh
process: nothing heavy is imported, and the ledger is read backwards only as far as needed. Not here: what makes a
release fit (`health.py`).
"""

from collections.abc import Iterator
from itertools import islice

from ascend_assets.environments import Environment
from ascend_assets.operations import health
from ascend_assets.operations.appending import append
from ascend_assets.operations.wording import told
from ascend_assets.stage import Tools
from resources.registry.admissions import Admission, Requirement
from resources.registry.ledger import Entry, Kind, Present
from resources.registry.stays import Stay, others, stays

_NAMED = 3


class RollbackRefused(Exception):
    """Nothing to return to, or it is not fit. What is live stays. `unmet`: what is wrong with the release."""

    def __init__(self, message: str, unmet: tuple[Requirement, ...] = ()) -> None:
        self.unmet = unmet
        super().__init__(message)


def rollback(
    tools: Tools, *, name: str, environment: str, version: str = "", actor: str, reason: str, dry_run: bool = False
) -> Entry:
    """Return to a release that was live; returns the entry, or the one that stands if that version is live already.

    Without a version: the newest release other than the live one that was not itself left by a rollback. With
    `dry_run` the entry is returned and not written. Raises `RollbackRefused`, `NoSuchEnvironment`, `LedgerMoved` where
    somebody was faster, `LedgerBroken`, `ClockBehind`.
    """
    policy = tools.environments.get(environment)
    present = tools.ledger.present(policy.name, name)
    if present.live is None:
        raise RollbackRefused(f"nothing of {name} is live in {environment}: there is nothing to roll back")
    if version and present.live.version == version:
        return present.live
    target = _target(tools, present, version)
    looked_at = health.of_entry(tools, target.entry)
    unmet = tuple(requirement for requirement in looked_at if not requirement)
    if unmet:
        raise _refused(tools, present, target, unmet)
    admission = _admission(tools, policy, present, target.entry, looked_at)
    entry = present.follow(
        kind=Kind.ROLLBACK,
        version=target.entry.version,
        release_digest=target.entry.release_digest,
        actor=actor,
        reason=reason,
        at=admission.at,
        policy_digest=policy.digest,
        admission=admission.digest,
    )
    if not dry_run:
        append(tools, entry, policy, admission)
    return entry


def choices(tools: Tools, present: Present) -> Iterator[Stay]:
    """What one can return to, newest first, read as far as it is asked for. Raises `LedgerBroken`."""
    return others(_backwards(tools, present))


def _backwards(tools: Tools, present: Present) -> Iterator[Entry]:
    return tools.ledger.backwards(present.environment, present.model, start=present.head)


def _target(tools: Tools, present: Present, version: str) -> Stay:
    name, environment = present.model, present.environment
    if not version:
        found = next(choices(tools, present), None)
        if found is None:
            raise RollbackRefused(
                f"{name} has nothing in {environment} to return to: no other release was live there that was not left "
                f"by a rollback. Name one all the same with --version, or promote one"
            )
        return found
    for stay in stays(_backwards(tools, present)):
        if stay.entry.version == version:
            return stay
    known = [stay.entry.version for stay in islice(choices(tools, present), _NAMED)]
    raise RollbackRefused(
        f"{name} {version} was never live in {environment}, so that nobody knows whether it works there: "
        + (f"return to {' or '.join(known)}, or promote it" if known else "promote it")
    )


def _admission(
    tools: Tools, policy: Environment, present: Present, target: Entry, looked_at: tuple[Requirement, ...]
) -> Admission:
    was_live = Requirement(name="was_live", met=True, why=f"made live by {target}")
    return Admission(
        model=target.model,
        version=target.version,
        release_digest=target.release_digest,
        environment=policy.name,
        kind=Kind.ROLLBACK,
        live=present.live_digest,
        policy_digest=policy.digest,
        requirements=(was_live, *looked_at),
        at=tools.now(),
    )


def _refused(tools: Tools, present: Present, target: Stay, unmet: tuple[Requirement, ...]) -> RollbackRefused:
    name, environment = present.model, present.environment
    live = present.live.version if present.live else "nothing"
    listed = "\n".join(f"  - {told(requirement)}" for requirement in unmet)
    older = _older(tools, present, target)
    instead = (
        f"The next older one: ascend model rollback {name} --env {environment} --version {older} --reason WHY"
        if older
        else "There is no older one to return to"
    )
    return RollbackRefused(
        f"{name} {target.entry.version} is not fit to return to; {live} stays in {environment}:\n{listed}\n{instead}",
        unmet,
    )


def _older(tools: Tools, present: Present, target: Stay) -> str:
    for stay in choices(tools, present):
        if stay.entry.sequence < target.entry.sequence and stay.entry.release_digest != target.entry.release_digest:
            return stay.entry.version
    return ""
