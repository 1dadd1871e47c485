"""Do enough people stand by a release for an environment?

Here belongs counting: which signatures in a ledger count, and what is missing. Pure, apart from the verifier that is
passed in. Not here: when one signature holds (`approval_rules.py`), or signing and appending
(`operations/approve.py`).

A person counts once, whatever keys he has; his latest decision counts; one standing rejection stops a release.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ascend_assets.environments import Environment
from ascend_assets.gates.approval_rules import Case, Verifier, dependence, may_approve, signer_of
from resources import allowed_signers
from resources.allowed_signers import BadSigners, Person
from resources.registry.admissions import Requirement
from resources.registry.approvals import Approval, Decision
from resources.registry.ledger import Entry, Present
from resources.ssh_armour import BadSignature

NAME = "approvals"

_SHOWN = 5
"""So many people or reasons are told of; a ledger can hold more than anybody reads."""
_SHOWN_CHARACTERS = 400


@dataclass(frozen=True)
class ApprovalsJudged:
    """`counted`: the entries that count for the release, one per person; each of `refused` says why it does not."""

    requirement: Requirement
    counted: tuple[Entry, ...] = ()
    refused: tuple[tuple[Entry, str], ...] = ()


@dataclass
class _Count:
    """Each person's decision that stands, and what does not count, while a ledger is walked."""

    standing: dict[Person, tuple[Entry, Approval]] = field(default_factory=dict)
    refused: list[tuple[Entry, str]] = field(default_factory=list)
    recorded: dict[tuple[str, Person], int] = field(default_factory=dict)
    """Digest of a statement and who signed it -> the entry. Two people may well sign one and the same file."""

    def of(self, decision: Decision) -> dict[Person, Entry]:
        """Who stands by this decision."""
        return {p: entry for p, (entry, approval) in self.standing.items() if approval.statement.decision is decision}


def judge(  # noqa: PLR0913 - the facts that a signature binds, and the clock
    environment: Environment,
    *,
    name: str,
    version: str,
    digest: str,
    authors: Iterable[str],
    present: Present,
    now: datetime,
    verify: Verifier,
) -> ApprovalsJudged:
    """Count the signatures on a release that stand in an environment's ledger.

    `digest`: of the manifest. `authors` as git names them, `Ada <ada@example.com>`; empty: not known. `now`: as of when
    keys must be valid. `verify`: `ssh_signatures.verify`; what it raises beside `BadSignature` passes on, for then it
    could not be judged.
    """
    if not environment.approvals.required:
        return ApprovalsJudged(_requirement(f"{environment.name} needs no signature"))
    try:
        signers = allowed_signers.parse(environment.approvals.signers, f"signers of {environment.name}")
    except BadSigners as error:
        return ApprovalsJudged(_requirement(f"nobody may sign: {error}", "mend the file of signers"))
    case = Case(environment, name, version, digest, frozenset(authors), present, now, verify, signers)
    count = _Count()
    for entry in present.since:
        if entry.approval is not None and entry.version == version:
            why = _take(case, count, entry, entry.approval)
            if why:
                count.refused.append((entry, why))
    counted = count.of(Decision.APPROVE)
    rejected = count.of(Decision.REJECT)
    requirement = _rejected(case, rejected) if rejected else _enough(case, counted, count.refused)
    return ApprovalsJudged(requirement, tuple(counted.values()), tuple(count.refused))


def _take(case: Case, count: _Count, entry: Entry, approval: Approval) -> str:
    """Let an entry stand for its signer; or the reason why it does not count."""
    try:
        person = signer_of(case, entry, approval)
    except BadSignature as error:
        return error.why
    said = approval.statement
    first = count.recorded.setdefault((said.digest, person), entry.sequence)
    if first != entry.sequence:
        return f"it is a replay: {person} has signed this very statement in entry {first}: sign a new one"
    before, earlier = count.standing.get(person, (None, None))
    if before is not None and earlier is not None:
        if said.at < earlier.statement.at:
            return f"it was signed before {person}'s later decision in entry {before.sequence}: sign a new one"
        if said.decision is earlier.statement.decision:
            return (
                f"{person} is counted already, by entry {before.sequence} as {earlier.signer}: one person counts once"
            )
    why = dependence(case, person) if said.decision is Decision.APPROVE else ""
    if not why:
        count.standing[person] = (entry, approval)
    elif before is not None:
        # Who may reject may take it back, without counting for the release.
        del count.standing[person]
        return ""
    return why


def _rejected(case: Case, rejected: dict[Person, Entry]) -> Requirement:
    shown = list(rejected.items())[:_SHOWN]
    said = "; ".join(
        f"{person} (entry {entry.sequence}): {entry.reason[:_SHOWN_CHARACTERS]}" for person, entry in shown
    )
    who = " and ".join(str(person) for person, _ in shown)
    return _requirement(f"rejected by {said}", f"release what {who} asks for, or {who} approves: {_command(case)}")


def _enough(case: Case, counted: dict[Person, Entry], refused: list[tuple[Entry, str]]) -> Requirement:
    needed = case.environment.approvals.required
    by = ", ".join(f"{person} (entry {entry.sequence})" for person, entry in counted.items())
    why = f"{len(counted)} of {needed} signatures{': ' if by else ''}{by}"
    if len(counted) >= needed:
        return _requirement(why)
    others = [f"entry {entry.sequence} of {_signer(entry)} does not count: {why}" for entry, why in refused[-_SHOWN:]]
    return _requirement("; ".join([why, *others]), _remedy(case, counted, needed - len(counted)))


def _remedy(case: Case, counted: dict[Person, Entry], missing: int) -> str:
    if case.authors_unknown:
        return "release a commit whose authors have e-mail addresses, so that signers can be told from them"
    may = [person for person in case.signers.people if person not in counted and may_approve(case, person)]
    if len(may) < missing:
        return (
            f"{missing} more must sign, and {len(may)} of those who are allowed to can: add people to the signers of "
            f"{case.environment.name} in environments.yaml's file of signers"
        )
    others = f" and {len(may) - _SHOWN} more" if len(may) > _SHOWN else ""
    return f"{missing} of {', '.join(map(str, may[:_SHOWN]))}{others} must sign: {_command(case)}"


def _requirement(why: str, remedy: str = "") -> Requirement:
    return Requirement(name=NAME, met=not remedy, why=why, remedy=remedy)


def _command(case: Case) -> str:
    return (
        f'ascend approve {case.name} --version {case.version} --env {case.environment.name} --key FILE --reason "..."'
    )


def _signer(entry: Entry) -> str:
    return entry.approval.signer if entry.approval else ""
