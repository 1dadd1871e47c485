"""Deciding again, along one ledger, what was decided then: was the policy of its time met by each entry?

Here belongs rebuilding what was known at the time (the policy, what was live, the signatures and results that stood)
and asking the same gates. Not here: the chain and its parts (`resources/registry/audit.py`), or which ledgers there
are (`audit.py`). The verdicts of a move are taken from its admission: what they were compared with is history. So it is
only checked that they are about this release, keep their own limits and rest on evidence that counts.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from pydantic import ValidationError

from ascend_assets.environments import Environment, Environments
from ascend_assets.gates import admission as gate
from ascend_assets.gates import approvals, recorded
from ascend_assets.gates.admission import Facts
from ascend_assets.gates.approval_rules import Verifier
from ascend_assets.operations import result
from ascend_assets.stage import Tools
from resources.registry import audit
from resources.registry.admissions import Admission, Requirement
from resources.registry.audit import Parts, key_of
from resources.registry.ledger import CLOCK_TOLERANCE, MOVES, SIGNED, Entry, Kind, Ledger, LedgerBroken, Present
from resources.registry.released import Released
from resources.registry.stays import Record, record_of

_CLOCKS = timedelta(days=1)
"""By how much the clocks of who released and who deployed may differ."""


@dataclass
class Remembering:
    """A verifier that asks once about each signature and second: an approval is looked at when it is given and counted.

    Periods of keys begin and end on whole seconds, so that a second has one answer.
    """

    ask: Verifier
    _right: set[tuple[object, ...]] = field(default_factory=set)

    def __call__(
        self, message: bytes, signature: str, signers: str, *, principal: str, namespace: str, at: datetime
    ) -> None:
        """See `Verifier`."""
        second = at.replace(microsecond=0)
        key = (message, signature, signers, principal, namespace, second)
        if key not in self._right:
            self.ask(message, signature, signers, principal=principal, namespace=namespace, at=second)
            self._right.add(key)


@dataclass
class Archive:
    """What the walks along a store's ledgers share: policies and histories, each read once."""

    tools: Tools
    parts: Parts
    verify: Verifier
    _policies: dict[str, Environment] = field(default_factory=dict)
    _histories: dict[tuple[str, str], tuple[Entry, ...]] = field(default_factory=dict)

    def policy(self, entry: Entry) -> Environment:
        """The policy that an entry names. Raises `LedgerBroken`."""
        found = self._policies.get(entry.policy_digest)
        if found is None:
            data = audit.blob(self.tools.blobs.store, entry, entry.policy_digest, "policy")
            try:
                found = Environment.model_validate_json(data)
            except ValidationError as error:
                problem = error.errors(include_url=False)[0]
                where = ".".join(map(str, problem["loc"]))
                raise LedgerBroken(key_of(entry), f"its policy is none: {where}: {problem['msg']}") from error
            if found.digest != entry.policy_digest:
                why = "its policy is not in canonical JSON: something else wrote it"
                raise LedgerBroken(key_of(entry), why)
            self._policies[entry.policy_digest] = found
        if found.name != entry.environment:
            raise LedgerBroken(key_of(entry), f"its policy is that of {found.name}")
        return found

    @cached_property
    def ledgers(self) -> tuple[tuple[str, str], ...]:
        """Every ledger of the store."""
        return audit.ledgers(self.tools.blobs.store)[0]

    def newest_first(self, environment: str, model: str, until: datetime) -> Iterator[Entry]:
        """Another ledger's entries, as far as they can be believed: its own walk tells what is wrong with it."""
        place = (environment, model)
        if place not in self._histories:
            self._histories[place] = tuple(_believable(self.tools.ledger, environment, model))
        entries = self._histories[place]
        return (entries[i] for i in range(bisect_right(entries, until, key=lambda e: e.at) - 1, -1, -1))


@dataclass
class PolicyWalk:
    """One ledger, walked from its first entry: call it with each. It raises `LedgerBroken` at the first wrong one."""

    archive: Archive
    in_force: Environment | None
    """The policy in force now, for what wrote down none; None where the environment is no more."""
    chain_only: int = 0
    """Entries of layout 1: they name no admission, so that only their place in the chain can be checked."""
    policies: dict[str, list[int]] = field(default_factory=dict)
    """Digest of a policy -> the sequence numbers of the moves that were made under it."""
    _head: Entry | None = None
    _live: Entry | None = None
    _since: list[Entry] = field(default_factory=list)
    _lived: set[str] = field(default_factory=set)

    def __call__(self, entry: Entry) -> None:
        """Check the next entry."""
        if entry.schema_version == 1:
            self._first_layout(entry)
        else:
            policy = self.archive.policy(entry)
            if entry.kind in SIGNED:
                self._signed(entry, policy)
            elif entry.kind is Kind.RESULT:
                self._result(entry, policy)
            else:
                self._move(entry, policy)
        self._step(entry)

    def _step(self, entry: Entry) -> None:
        self._head = entry
        if entry.kind in MOVES:
            self._live, self._since = entry, []
            self._lived.add(entry.release_digest)
        else:
            self._since.append(entry)

    def _first_layout(self, entry: Entry) -> None:
        if self._head is not None and self._head.schema_version > 1:
            raise LedgerBroken(key_of(entry), "is of layout 1 after one of layout 2: no program writes that any more")
        if self.in_force is not None and self.in_force.approvals.required:
            wanted = self.in_force.approvals.required
            raise LedgerBroken(
                key_of(entry), f"is of layout 1, which keeps no signatures, and {entry.environment} wants {wanted}"
            )
        self.chain_only += 1

    def _signed(self, entry: Entry, policy: Environment) -> None:
        found = self.archive.parts.released(entry)
        judged = self._approvals(policy, found, entry, at=entry.at, also=(entry,))
        for refused, why in judged.refused:
            if refused.sequence == entry.sequence:
                raise LedgerBroken(key_of(entry), f"its signature does not count: {why}")

    def _result(self, entry: Entry, policy: Environment) -> None:
        present = self._present(entry, also=(entry,))
        found = result.newest(self.archive.tools, policy, present, entry.release_digest)
        for requirement in found[1] if found else ():
            if requirement.name == "report" and not requirement:
                raise LedgerBroken(key_of(entry), f"its report is none: {requirement.why}")

    def _move(self, entry: Entry, policy: Environment) -> None:
        self.policies.setdefault(entry.policy_digest, []).append(entry.sequence)
        decided = self.archive.parts.admission(entry)
        live = self._live.digest if self._live else None
        if decided.live != live:
            raise LedgerBroken(key_of(entry), "its admission was given when something else was live")
        if entry.at - decided.at > CLOCK_TOLERANCE or decided.at > entry.at:
            raise LedgerBroken(
                key_of(entry), f"its admission is of {decided.at.isoformat()}, the entry of another time"
            )
        if entry.kind is Kind.ROLLBACK:
            self._rollback(entry)
        else:
            self._deploy(entry, policy, decided)

    def _rollback(self, entry: Entry) -> None:
        if entry.release_digest not in self._lived:
            raise LedgerBroken(key_of(entry), f"rolls back to {entry.version}, which was never live before")
        if self._live is not None and self._live.release_digest == entry.release_digest:
            raise LedgerBroken(key_of(entry), f"rolls back to {entry.version}, which was live already")

    def _deploy(self, entry: Entry, policy: Environment, decided: Admission) -> None:
        found = self.archive.parts.released(entry)
        signed = self._approvals(policy, found, entry, at=decided.at)
        present = self._present(entry)
        tested = result.newest(self.archive.tools, policy, present, entry.release_digest)
        try:
            judged = recorded.judged(found, policy, decided)
        except recorded.NotOfThisRelease as error:
            raise LedgerBroken(key_of(entry), f"its admission is wrong: {error}") from error
        facts = Facts(
            released=found,
            present=present,
            judged=judged,
            before=self._before(entry, policy, found, decided),
            elsewhere=(signed.requirement,),
            result=tested,
            now=decided.at,
        )
        _met(entry, decided, gate.requirements(policy, facts))
        counted = {e.digest for e in signed.counted}
        if set(decided.approvals) != counted:
            raise LedgerBroken(key_of(entry), f"its admission counts other signatures than the {len(counted)} that do")
        if decided.results != ((tested[0].digest,) if tested else ()):
            raise LedgerBroken(key_of(entry), "its admission counts another result than the newest before it")

    def _approvals(
        self, policy: Environment, found: Released, entry: Entry, *, at: datetime, also: tuple[Entry, ...] = ()
    ) -> approvals.ApprovalsJudged:
        return approvals.judge(
            policy,
            name=found.name,
            version=found.version,
            digest=found.digest,
            authors=found.authors,
            present=self._present(entry, also=also),
            now=at,
            verify=self.archive.verify,
        )

    def _present(self, entry: Entry, *, also: tuple[Entry, ...] = ()) -> Present:
        head = also[-1] if also else self._head
        return Present(entry.environment, entry.model, head, self._live, (*self._since, *also))

    def _before(
        self, entry: Entry, policy: Environment, found: Released, decided: Admission
    ) -> tuple[Environment, Record] | None:
        """Where the release was before. The order of environments may have changed since: any other one will do."""
        if not policy.soak_hours and all(r.name != "came_from" for r in decided.requirements):
            return None
        best: tuple[Environment, Record] | None = None
        for environment, model in self.archive.ledgers:
            if model == entry.model and environment != entry.environment:
                for record in self._stays(environment, entry, found, decided.at, policy.soak_hours):
                    if best is None or _rank(record) > _rank(best[1]):
                        best = (Environment(name=environment), record)
        return best or (Environment(name="another environment"), Record(None, timedelta()))

    def _stays(
        self, environment: str, entry: Entry, found: Released, at: datetime, soak_hours: float
    ) -> Iterator[Record]:
        """The release's time there, as whoever decided may have seen it: clocks of machines differ a little."""
        for moment in (at, at - CLOCK_TOLERANCE):
            yield record_of(
                self.archive.newest_first(environment, entry.model, moment),
                found.digest,
                at,
                enough=timedelta(hours=soak_hours),
                not_before=found.manifest.created_at - _CLOCKS,
            )


def notes(walk: PolicyWalk) -> tuple[str, ...]:
    """What a person should know of a ledger beside its faults."""
    found = []
    if walk.chain_only:
        found.append(f"{walk.chain_only} entries of layout 1 keep no admission: only their chain was checked")
    now = walk.in_force.digest if walk.in_force else ""
    for digest, sequences in walk.policies.items():
        if digest != now:
            policy = f"policy {digest[:12]}, which is not the one in force now"
            found.append(f"{len(sequences)} moves from entry {sequences[0]} were made under {policy}")
    return tuple(found)


def in_force(environments: Environments, name: str) -> Environment | None:
    """The policy of an environment, or None where there is no such environment any more."""
    return next((e for e in environments if e.name == name), None)


def _rank(record: Record) -> tuple[bool, bool, timedelta]:
    return record.newest is not None, not record.failed, record.lived


def _met(entry: Entry, decided: Admission, required: Iterable[Requirement]) -> None:
    said = {requirement.name for requirement in decided.requirements}
    for requirement in required:
        if not requirement:
            why = f"{requirement.name}: {requirement.why}"
            raise LedgerBroken(key_of(entry), f"the policy of its time was not met: {why}")
        if requirement.name not in said:
            raise LedgerBroken(key_of(entry), f"its admission does not say whether {requirement.name} was met")


def _believable(ledger: Ledger, environment: str, model: str) -> Iterator[Entry]:
    try:
        yield from ledger.walk(environment, model)
    except LedgerBroken:
        return
