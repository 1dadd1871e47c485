"""`ascend approve`: sign for a release, or against it, here or on another machine.

Here belong the options and the files that go to the other machine and back. Not here: when a signature counts
(`ascend_assets/operations/approve.py`).
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import Unusable, print_json, refusing, say
from ascend_assets.cli.files import read_whole
from ascend_assets.cli.person import actor
from ascend_assets.cli.tools import known, registry_tools
from resources.registry.ledger import Entry, Kind, LedgerMoved

if TYPE_CHECKING:
    from ascend_assets.operations.approve import Signed
    from ascend_assets.stage import Tools
    from resources.registry.approvals import Decision

_MAX_SIGNATURE_BYTES = 64 * 1024
_FILE = click.Path(path_type=Path)


@click.command(short_help="Sign for a release, or against it.")
@options.name
@options.version
@options.environment
@click.option("--reject", is_flag=True, help="Sign against it: it stays out until you sign for it.")
@click.option("--reason", default="", help="Why; it is signed, and stands in the ledger.")
@click.option("--key", type=_FILE, help="Your private SSH key, or the .pub file of a key in ssh-agent.")
@click.option("--statement", type=_FILE, help="File of what is signed: written, or with --signature read back.")
@click.option("--signature", type=_FILE, help="What ssh-keygen wrote elsewhere: the statement's file with .sig.")
@click.option("--signer", default="", metavar="NAME", help="In whose name, where a key has several.")
@options.dry_run
@options.as_json
def approve(  # noqa: PLR0913 - one parameter per option
    *,
    name: str,
    version: str,
    environment: str,
    reject: bool,
    reason: str,
    key: Path | None,
    statement: Path | None,
    signature: Path | None,
    signer: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Sign for a release of MODEL in an environment, or against it, with an SSH key.

    With --key it is signed and recorded at once. Where the key is on another machine: write what is to be signed with
    --statement FILE, sign that there, bring FILE.sig back, and record it with --statement FILE --signature FILE.sig.

    Exit code 1: the signature would not count, and why.
    """
    from ascend_assets.operations import approve as operation
    from resources.registry.approvals import Decision

    tools = registry_tools()
    decision = Decision.REJECT if reject else Decision.APPROVE
    if statement is not None and signature is None and key is None:
        with known(tools, name), refusing(operation.ApprovalRefused, as_json=as_json):
            _export(tools, name, version, environment, decision, reason, statement, as_json=as_json)
        return
    if (key is None) == (signature is None) or (key is not None and statement is not None):
        raise Unusable(
            "give --key FILE to sign here, or --statement FILE to sign elsewhere, then also --signature FILE"
        )
    with known(tools, name), refusing(operation.ApprovalRefused, LedgerMoved, as_json=as_json):
        entry = operation.approve(
            tools,
            name=name,
            version=version,
            environment=environment,
            decision=decision,
            reason=reason,
            key=key,
            signed=_brought_back(statement, signature) if signature else None,
            signer=signer,
            actor=actor(),
            dry_run=dry_run,
            interactive=sys.stdin.isatty(),
        )
    _said(entry, dry_run=dry_run, as_json=as_json)


def _export(  # noqa: PLR0913 - what is signed, and where it goes
    tools: "Tools",
    name: str,
    version: str,
    environment: str,
    decision: "Decision",
    reason: str,
    path: Path,
    *,
    as_json: bool,
) -> None:
    from ascend_assets.gates.approval_rules import WINDOW
    from ascend_assets.operations import approve as operation
    from resources.registry.approvals import NAMESPACE

    said = operation.statement(tools, name, version, environment, decision, reason)
    try:
        with path.open("xb") as file:
            file.write(said.encoded())
    except FileExistsError as error:
        raise Unusable(f"{path} is there already: name another file, or give its --signature as well") from error
    minutes = int(WINDOW.total_seconds() // 60)
    sign = f"ssh-keygen -Y sign -n {NAMESPACE} -f KEY {path.name}"
    if as_json:
        print_json({"statement": said.model_dump(mode="json"), "file": str(path), "sign": sign, "minutes": minutes})
        return
    say(f"{path} holds what is to be signed. Where the key is: {sign}")
    rejecting = " --reject" if decision.value == "reject" else ""
    options_ = f"--version {said.version} --env {environment}{rejecting} --statement {path} --signature {path}.sig"
    say(f"then here, within {minutes} minutes: ascend approve {name} {options_}")


def _brought_back(statement: Path | None, signature: Path) -> "Signed":
    """The two files' contents; the statement is looked for beside its signature. Raises `Unusable`, `OSError`."""
    from ascend_assets.operations import approve as operation

    if statement is None:
        if signature.suffix != ".sig":
            raise Unusable("give the file that was signed as well: --statement FILE")
        statement = signature.with_suffix("")
    data = read_whole(statement, operation.MAX_STATEMENT_BYTES)
    armour = read_whole(signature, _MAX_SIGNATURE_BYTES)
    return operation.Signed(data, armour.decode("ascii", errors="replace"))


def _said(entry: Entry, *, dry_run: bool, as_json: bool) -> None:
    signer = entry.approval.signer if entry.approval else ""
    if as_json:
        print_json(
            {
                "refused": False,
                "dry_run": dry_run,
                "signer": signer,
                "entry": {**entry.model_dump(mode="json"), "digest": entry.digest},
            }
        )
        return
    word = "would count; nothing was written" if dry_run else f"is recorded (entry {entry.sequence})"
    what = "approval" if entry.kind is Kind.APPROVE else "rejection"
    say(f"{signer}'s {what} of {entry.model} {entry.version} for {entry.environment} {word}")
    if not dry_run:
        where = f"--version {entry.version} --to {entry.environment}"
        say(f"  next  ascend promote {entry.model} {where} --reason WHY --dry-run")
