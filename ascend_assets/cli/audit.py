"""`ascend audit ...`: is every ledger whole, and was every policy met? And checkpoints, for an outsider.

Here belong options, progress and tables. Not here: what is looked for (`ascend_assets/operations/audit.py`).
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import Refused, Unusable, print_json, progress, say, table
from ascend_assets.cli.tools import registry_tools

if TYPE_CHECKING:
    from resources.registry.audit import Audit

_FILE = click.Path(path_type=Path)
_DIGEST = 12


@click.group()
def audit() -> None:
    """Verify the ledgers, and sign where they end."""


@audit.command("verify")
@options.any_environment
@click.option("--model", default="", metavar="MODEL", help="Only this model or bundle.")
@click.option("--checkpoint", type=_FILE, help="A checkpoint that was kept elsewhere: shows that no tail was cut off.")
@click.option("--signers", type=_FILE, help="allowed_signers file: whose checkpoints you believe.")
@click.option("--deep", is_flag=True, help="Read and hash every file of every release that was deployed.")
@options.as_json
def verify(
    *, environment: str, model: str, checkpoint: Path | None, signers: Path | None, deep: bool, as_json: bool
) -> None:
    """Walk every ledger: is an entry missing, edited or forked, is what it names there, was its policy met?

    Exit code 1: a ledger has a wrong entry; the first of each is named.
    """
    from ascend_assets.operations import audit as operation

    if (checkpoint is None) != (signers is None):
        raise Unusable("--checkpoint and --signers go together: a checkpoint is as good as who signed it")

    def told(ledger: str, entries: int) -> None:
        if not as_json:
            progress(f"  {ledger:32} {entries:,} {'entry' if entries == 1 else 'entries'}")

    found = operation.verify(
        registry_tools(),
        environment=environment,
        model=model,
        against=(checkpoint, signers) if checkpoint and signers else None,
        deep=deep,
        progress=told,
    )
    faulty = [one for one in found if not one]
    if as_json:
        print_json({"good": not faulty, "ledgers": [asdict(one) | {"good": bool(one)} for one in found]})
    elif found:
        _show(found)
    else:
        say("there is no ledger yet: nothing was deployed")
    if faulty:
        raise Refused(
            f"{len(faulty)} of {len(found)} ledgers {'is' if len(faulty) == 1 else 'are'} not right, see above"
        )


def _show(found: "tuple[Audit, ...]") -> None:
    table(("", "ledger", "entries", "head"), [_row(one) for one in found])
    for one in found:
        for note in one.notes:
            say(f"{one.environment}/{one.model}: {note}")
        if one.fault:
            say(f"{one.fault.key}: {one.fault.why}")


def _row(one: "Audit") -> tuple[str, ...]:
    ledger = f"{one.environment}/{one.model}".strip("/")
    return ("right" if one else "WRONG", ledger, f"{one.entries:,}", (one.head or "-")[:_DIGEST])


@audit.command("checkpoint")
@click.option("--key", required=True, type=_FILE, help="Your private SSH key, or the .pub file of a key in ssh-agent.")
@click.option("--output", required=True, type=_FILE, help="Where to write it; then keep it away from the store.")
@options.as_json
def checkpoint(*, key: Path, output: Path, as_json: bool) -> None:
    """Sign where every ledger ends now, so that an outsider can see later that nothing was cut off since."""
    from ascend_assets.operations import checkpoint as operation

    taken = operation.make(registry_tools(), key, output, interactive=sys.stdin.isatty())
    if as_json:
        written: dict[str, Any] = {"checkpoint": taken.model_dump(mode="json"), "file": str(output)}
        print_json(written)
        return
    say(f"{output}: signed where {len(taken.heads)} ledgers end. Keep it where those who write the store cannot.")
    say(f"  later  ascend audit verify --checkpoint {output} --signers SIGNERS")
