"""When one signature holds, and when its signer may approve.

Here belong the rules about a single signature. Pure, apart from the verifier that is passed in. Not here: counting
(`approvals.py`), or cryptography (`resources/ssh_signatures.py`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ascend_assets.environments import Environment
from resources.allowed_signers import Person, Signers
from resources.registry.approvals import NAMESPACE, Approval, Decision, Statement
from resources.registry.ledger import Entry, Present
from resources.ssh_armour import BadSignature, parse

WINDOW = timedelta(minutes=15)
"""How far the moment that a statement names may lie from its entry's."""


class Verifier(Protocol):
    """`resources.ssh_signatures.verify`, or something that stands in for it."""

    def __call__(
        self, message: bytes, signature: str, signers: str, *, principal: str, namespace: str, at: datetime
    ) -> None:
        """Raises `BadSignature` for a signature that does not count."""
        ...


@dataclass(frozen=True)
class Case:
    """What is judged, and by what. `digest`: of the manifest. `now`: as of when keys must be valid."""

    environment: Environment
    name: str
    version: str
    digest: str
    authors: frozenset[str]
    present: Present
    now: datetime
    verify: Verifier
    signers: Signers

    @property
    def author_mails(self) -> frozenset[str] | None:
        """Addresses that may not sign: None where not every author is known by one."""
        mails = {mail_of(author) for author in self.authors}
        return frozenset(mails) if mails and "" not in mails else None

    @property
    def authors_unknown(self) -> bool:
        """Whether nobody may approve, because signers cannot be told from authors."""
        return self.author_mails is None and not self.environment.approvals.author_may_sign


def mail_of(author: str) -> str:
    """The address in `Ada <ada@example.com>`, case folded; empty where there is none."""
    mail = author.rpartition("<")[2].removesuffix(">").strip().casefold()
    return mail if "<" in author and "@" in mail else ""


def about_another_release(said: Statement, name: str, version: str, digest: str) -> str:
    """Why a statement is not about this release; empty where it is."""
    if (said.model, said.version) != (name, version):
        return (
            f"it was signed for {said.model} {said.version}, not for {name} {version}: what is signed holds for one "
            "release alone"
        )
    if said.release_digest != digest:
        return (
            f"it was signed for another manifest of {name} {version} ({said.release_digest[:12]}, not {digest[:12]}): "
            "look at this one and sign again"
        )
    return ""


def given_elsewhere(said: Statement, environment: Environment, live: str | None) -> str:
    """Why a statement was not given in this world; empty where it was. `live`: digest of the live entry."""
    if said.environment != environment.name:
        return (
            f"it was signed for {said.environment}, not for {environment.name}: each environment has its own signatures"
        )
    if said.live != live:
        return (
            f"it was signed when another deployment was live in {environment.name} ({_short(said.live)}, now "
            f"{_short(live)}): look at what is live now and sign again"
        )
    if said.policy_digest != environment.digest:
        return (
            f"it was signed under another policy of {environment.name} ({said.policy_digest[:12]}, in force is "
            f"{environment.digest[:12]}): read the policy in force and sign again"
        )
    return ""


def signer_of(case: Case, entry: Entry, approval: Approval) -> Person:
    """Who signed an entry for this release, here and now. Raises `BadSignature` where it does not hold."""
    said = approval.statement
    why = about_another_release(said, case.name, case.version, case.digest)
    why = why or given_elsewhere(said, case.environment, case.present.live_digest)
    if why:
        raise BadSignature(why)
    if abs(entry.at - said.at) > WINDOW:
        raise BadSignature(
            f"it was signed at {said.at:%Y-%m-%d %H:%M:%S} UTC and recorded at {entry.at:%Y-%m-%d %H:%M:%S} UTC, more "
            f"than {int(WINDOW.total_seconds() // 60)} minutes apart: sign again, and record it at once"
        )
    signature = parse(approval.signature)
    if signature.armoured() != approval.signature:
        raise BadSignature("its signature is not in the normal form that is recorded: sign again")
    _verify(case, approval)
    person = case.signers.person(approval.signer, signature.key)
    if person is None:
        raise BadSignature(f"its key {signature.key.fingerprint} is not {approval.signer}'s")
    return person


def dependence(case: Case, person: Person) -> str:
    """Why a person may not approve this release though he may sign here; empty where he may."""
    authors = case.author_mails
    if case.environment.approvals.author_may_sign:
        return ""
    if authors is None:
        return (
            f"who wrote {case.name} {case.version} is not known, so nobody can be told from its authors: release a "
            "commit whose authors have e-mail addresses"
        )
    if not person.mails:
        return (
            f"the signers of {case.environment.name} give no e-mail address of {person}, to be told from authors by: "
            "add it to that line"
        )
    if person.mails & authors:
        return f"{person} is an author of {case.name} {case.version}: somebody else must sign"
    return ""


def may_approve(case: Case, person: Person) -> bool:
    """Whether a person could approve this release now: has a valid key, and is independent."""
    own = (line for line in case.signers.lines if line.names[0] in person.names)
    return any(line.objection(NAMESPACE, case.now) is None for line in own) and not dependence(case, person)


def _verify(case: Case, approval: Approval) -> None:
    said = approval.statement
    # A rejection keeps standing when its key has expired since: an expiry must not let anything through.
    moments = (said.at, case.now) if said.decision is Decision.APPROVE else (said.at,)
    for moment in dict.fromkeys(moments):
        case.verify(
            said.encoded(),
            approval.signature,
            case.environment.approvals.signers,
            principal=approval.signer,
            namespace=NAMESPACE,
            at=moment,
        )


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "nothing"
