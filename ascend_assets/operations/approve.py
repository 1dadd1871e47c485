"""Sign for a release, or against it: the statement, the signature, and the entry that records both.

Here belongs what has to be so before a signature is recorded: it is judged by the very rules that count it later. Not
here: those rules (`gates/approvals.py`), or what is shown to whoever signs.

Signing elsewhere: write `statement(...).encoded()` to a file, run `ssh-keygen -Y sign -n NAMESPACE -f KEY FILE` where
the key is, and bring back the file and `FILE.sig` within `WINDOW`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from ascend_assets.environments import Environment
from ascend_assets.gates import approvals
from ascend_assets.gates.approval_rules import about_another_release, given_elsewhere
from ascend_assets.operations.appending import append
from ascend_assets.stage import Tools
from resources import allowed_signers, ssh_armour, ssh_signatures
from resources.allowed_signers import BadSigners
from resources.registry import released
from resources.registry.approvals import NAMESPACE, Approval, Decision, Statement
from resources.registry.documents import BadDocument, decode
from resources.registry.ledger import Entry, Kind, LedgerMoved, Present
from resources.registry.released import Released
from resources.ssh_armour import BadSignature

MAX_STATEMENT_BYTES = 256 * 1024
MAX_REASON = 2000
"""Characters. Whoever decides on the release reads it."""

_ATTEMPTS = 20
"""How often a signature is judged and appended anew because somebody else signed meanwhile."""


class ApprovalRefused(Exception):
    """A signature that is not recorded. The message says why and what to do."""


@dataclass(frozen=True)
class Signed:
    """A statement and the signature on it, made elsewhere: the two files' contents."""

    statement: bytes
    signature: str


@dataclass(frozen=True)
class _World:
    """What a signature is about, as it stands now."""

    policy: Environment
    release: Released
    present: Present


def statement(tools: Tools, name: str, version: str, environment: str, decision: Decision, reason: str) -> Statement:
    """What a person would sign now. Its `encoded()` bytes are what `ssh-keygen -Y sign` signs.

    Raises `ApprovalRefused`; `NoSuchEnvironment`, `RegistryError`, `LedgerBroken`.
    """
    return _statement(tools, _world(tools, name, version, environment), decision, reason)


def approve(  # noqa: PLR0913 - what is signed, by what, for whom
    tools: Tools,
    *,
    name: str,
    version: str,
    environment: str,
    decision: Decision,
    reason: str = "",
    key: Path | None = None,
    signed: Signed | None = None,
    signer: str = "",
    actor: str,
    dry_run: bool = False,
    interactive: bool = False,
) -> Entry:
    """Sign with `key`, or take what was `signed` elsewhere, and record it; the entry.

    `signer`: the name to sign under; empty: the first that the file of signers gives the key. `interactive`: see
    `ssh_signatures.sign`. With `dry_run` all is done and judged, and nothing is written. Raises `ApprovalRefused`,
    `LedgerMoved` when others were faster too often, and what `statement` and `sign` raise.
    """
    world = _world(tools, name, version, environment)
    if signed is not None and key is None:
        said, text = _brought_back(signed, world, decision, reason)
    elif key is not None and signed is None:
        said = _statement(tools, world, decision, reason)
        text = ssh_signatures.sign(said.encoded(), key, NAMESPACE, interactive=interactive)
    else:
        raise ApprovalRefused("give a key to sign with, or what was signed elsewhere: one of the two")
    approval = Approval(statement=said, signer=_name(text, world.policy, signer, said), signature=text)
    return _record(tools, world, approval, actor, dry_run=dry_run)


def _world(tools: Tools, name: str, version: str, environment: str) -> _World:
    policy = tools.environments.get(environment)
    if not policy.approvals.required:
        raise ApprovalRefused(f"{environment} takes releases without signatures: there is nothing to approve")
    release = released.find(tools.registry.store, name, version)
    present = tools.ledger.present(environment, name)
    if present.live is not None and present.live.release_digest == release.digest:
        raise ApprovalRefused(
            f"{name} {version} is live in {environment} already (entry {present.live.sequence}): to take it out, "
            f'ascend model rollback {name} --env {environment} --reason "..."'
        )
    return _World(policy, release, present)


def _statement(tools: Tools, world: _World, decision: Decision, reason: str) -> Statement:
    _check_reason(reason)
    return Statement(
        model=world.release.name,
        version=world.release.version,
        release_digest=world.release.digest,
        environment=world.policy.name,
        decision=decision,
        live=world.present.live_digest,
        policy_digest=world.policy.digest,
        reason=reason,
        at=tools.now(),
    )


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > MAX_REASON:
        raise ApprovalRefused(f"say why, in at most {MAX_REASON} characters: the reason is signed and kept")


def _brought_back(signed: Signed, world: _World, decision: Decision, reason: str) -> tuple[Statement, str]:
    """What was signed elsewhere and its signature's normal form, if it is what is asked for."""
    if len(signed.statement) > MAX_STATEMENT_BYTES:
        raise ApprovalRefused(f"the statement has {len(signed.statement)} bytes: bring back the file that was written")
    try:
        said = decode(Statement, signed.statement, "the statement")
        text = ssh_armour.normal_form(signed.signature)
    except BadDocument as error:
        raise ApprovalRefused(f"{error}. Bring back the very bytes that were written, and their signature") from error
    except BadSignature as error:
        raise ApprovalRefused(f"the signature is refused: {error}") from error
    _check_reason(said.reason)
    if said.decision is not decision:
        raise ApprovalRefused(f"the statement says {said.decision}, not {decision}: write and sign another")
    if reason and reason != said.reason:
        raise ApprovalRefused("the reason that was signed is another: give none, the signed one is recorded")
    release = world.release
    why = about_another_release(said, release.name, release.version, release.digest)
    why = why or given_elsewhere(said, world.policy, world.present.live_digest)
    if why:
        raise ApprovalRefused(why)
    return said, text


def _name(signature: str, policy: Environment, signer: str, said: Statement) -> str:
    """In whose name a signature counts: the one asked for, or the first that its key has."""
    text = policy.approvals.signers
    made_by = ssh_armour.parse(signature).key
    try:
        names = allowed_signers.parse(text, f"signers of {policy.name}").names_of(made_by)
        valid = ssh_signatures.signers_of(signature, text, namespace=NAMESPACE, at=said.at)
    except BadSigners as error:
        raise ApprovalRefused(f"nobody may sign: {error}") from error
    if not names:
        raise ApprovalRefused(
            f"the key {made_by.fingerprint} is nobody's who may sign for {policy.name}: use a key that stands in its "
            "file of signers, or have the line added there (which voids the signatures given before)"
        )
    if signer and signer not in names:
        raise ApprovalRefused(f"the key {made_by.fingerprint} is not {signer}'s but {', '.join(names)}'s")
    return signer or (*valid, *names)[0]


def _record(tools: Tools, world: _World, approval: Approval, actor: str, *, dry_run: bool) -> Entry:
    """Append, again and again while what moved the ledger is nothing that the signature was about."""
    left = _ATTEMPTS
    while True:
        entry = _judged(tools, world, approval, actor)
        if dry_run:
            return entry
        try:
            append(tools, entry, world.policy)
        except LedgerMoved:
            left -= 1
            if not left:
                raise
            world = replace(world, present=tools.ledger.present(world.policy.name, world.release.name))
        else:
            return entry


def _judged(tools: Tools, world: _World, approval: Approval, actor: str) -> Entry:
    """The entry that would be appended, if it would count."""
    said, present, release = approval.statement, world.present, world.release
    why = given_elsewhere(said, world.policy, present.live_digest)
    if why:
        raise ApprovalRefused(f"{why}. Live is {present.live or 'nothing'}")
    entry = present.follow(
        kind=Kind(said.decision.value),
        version=said.version,
        release_digest=said.release_digest,
        actor=actor,
        reason=said.reason,
        at=tools.now(),
        policy_digest=said.policy_digest,
        approval=approval,
    )
    judged = approvals.judge(
        world.policy,
        name=release.name,
        version=release.version,
        digest=release.digest,
        authors=release.authors,
        present=replace(present, since=(*present.since, entry)),
        now=entry.at,
        verify=ssh_signatures.verify,
    )
    for refused, reason in judged.refused:
        if refused is entry:
            raise ApprovalRefused(reason)
    return entry
