"""Signed statements about a release, with real keys, and the environment that asks for them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from keys import Key, make_key

from ascend_assets.environments import Approvals, Environment
from resources.registry.approvals import NAMESPACE, Approval, Decision, Statement
from resources.registry.ledger import Entry, Kind, Present
from resources.ssh_signatures import sign

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DIGEST = "d" * 64
PEOPLE = ("ada", "bob", "carol")


def make_people(folder: Path, *names: str) -> dict[str, Key]:
    """A key for each; `ada` signs as ada@example.com."""
    return {name: make_key(folder, name) for name in names or PEOPLE}


def signers_file(people: dict[str, Key], options: str = "") -> str:
    """A file of signers in which each has one line."""
    return "".join(key.line(f"{name}@example.com", options) for name, key in people.items())


def prod(signers: str, required: int = 2, **fields: Any) -> Environment:
    """An environment that wants signatures."""
    return Environment(name="prod", approvals=Approvals(required=required, signers=signers, **fields))


def live_entry(sequence: int = 1, **fields: Any) -> Entry:
    """What is live in prod."""
    own = {
        "sequence": sequence,
        "previous": "0" * 64 if sequence > 1 else None,
        "kind": Kind.DEPLOY,
        "model": "digits",
        "environment": "prod",
        "version": "1.0.0",
        "release_digest": "1" * 64,
        "actor": "ada",
        "reason": "first",
        "at": NOON - timedelta(days=7),
        "policy_digest": "f" * 64,
        "admission": "a" * 64,
    }
    return Entry.model_validate(own | fields)


@dataclass
class World:
    """Prod, with something live in it, and signatures on digits 1.1.0."""

    environment: Environment
    live: Entry | None = field(default_factory=live_entry)
    since: list[Entry] = field(default_factory=list)

    @property
    def present(self) -> Present:
        return Present("prod", "digits", self.since[-1] if self.since else self.live, self.live, tuple(self.since))

    def statement(self, **fields: Any) -> Statement:
        """A statement that is right here and now, but for `fields`."""
        own = {
            "model": "digits",
            "version": "1.1.0",
            "release_digest": DIGEST,
            "environment": "prod",
            "decision": Decision.APPROVE,
            "live": self.present.live_digest,
            "policy_digest": self.environment.digest,
            "reason": "looked at the page",
            "at": NOON + timedelta(seconds=len(self.since)),
        }
        return Statement.model_validate(own | fields)

    def record(self, said: Statement, signature: str, signer: str, at: datetime | None = None) -> Entry:
        """An entry of it, at the end of the ledger, whether or not it counts."""
        entry = self.present.follow(
            kind=Kind(said.decision.value),
            version=said.version,
            release_digest=said.release_digest,
            actor="somebody",
            reason=said.reason,
            at=at or said.at,
            policy_digest=said.policy_digest,
            approval=Approval(statement=said, signer=signer, signature=signature),
        )
        self.since.append(entry)
        return entry

    def signed(self, key: Key, signer: str, at: datetime | None = None, **fields: Any) -> Entry:
        """A statement, signed with a key in a name, recorded."""
        said = self.statement(**fields)
        return self.record(said, sign(said.encoded(), key.path, NAMESPACE), signer, at)
