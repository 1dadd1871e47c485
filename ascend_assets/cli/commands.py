"""The commands, and what a person sees when one fails.

Here belong the group and the translation of errors into one line and an exit code. Heavy imports stay inside commands,
so that `ascend --help` and `ascend preflight` start at once.
"""

import errno
import io
import sys
import warnings
from collections.abc import Sequence

import click

from ascend_assets import database
from ascend_assets.cli import (
    add,
    approve,
    audit,
    bundle,
    copilot,
    diagnose,
    doctor,
    draft,
    init,
    model,
    moves,
    notices,
    om,
    preflight,
    repair,
    run_command,
    scale,
    show,
    stale,
    store,
    triggers,
    verify,
)
from ascend_assets.cli.console import Refused, Unusable, progress
from ascend_assets.cli.exits import INTERRUPTED, REFUSED, UNUSABLE
from ascend_assets.yaml_file import BadYaml

_NOT_WRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT})
_OURS = frozenset({"ascend_assets", "resources"})


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--traceback", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="ascend-assets")
def cli(traceback: bool) -> None:  # noqa: FBT001 - read by `run`, which is there when a command has failed
    """From a model to a signed, reversible release on Ascend NPUs, with evidence.

    Start with:  ascend preflight MODEL.onnx

    Exit codes: 0 done, 1 judged and refused, 2 not usable, 130 interrupted.
    """


cli.add_command(preflight.preflight)
cli.add_command(diagnose.diagnose)
cli.add_command(repair.repair)
cli.add_command(add.add)
cli.add_command(draft.draft)
cli.add_command(run_command.run)
cli.add_command(run_command.release)
cli.add_command(show.status)
cli.add_command(show.show)
cli.add_command(model.model)
cli.add_command(approve.approve)
cli.add_command(moves.promote)
cli.add_command(bundle.bundle)
cli.add_command(audit.audit)
cli.add_command(om.om)
cli.add_command(stale.stale)
cli.add_command(triggers.triggers)
cli.add_command(notices.notices)
cli.add_command(store.store)
cli.add_command(scale.scale)
cli.add_command(copilot.copilot)
cli.add_command(doctor.doctor)
cli.add_command(verify.verify)
cli.add_command(init.init)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    One line on stderr says what went wrong and what to do; no traceback unless asked for.
    """
    # Dagster warns of its own preview interfaces; a person at a terminal can do nothing about it.
    warnings.filterwarnings("ignore", module=r"dagster(\..*)?")
    # A name that the terminal's encoding lacks is shown with marks in place of letters, not as an error.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with database.attempts_told(progress):
            code: int | None = cli.main(list(arguments), prog_name="ascend", standalone_mode=False)
    except Exception as error:
        if "--traceback" in arguments and not isinstance(error, click.exceptions.Exit | click.Abort | Refused):
            raise
        return _failed(error)
    return code or 0


def _failed(error: Exception) -> int:
    """Say what went wrong; the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return _say("interrupted", INTERRUPTED)
    if isinstance(error, click.UsageError):
        hint = f". See: {error.ctx.command_path} --help" if error.ctx else ""
        return _say(f"{error.format_message().rstrip('.')}{hint}", UNUSABLE)
    if isinstance(error, Refused):
        return _say(str(error), REFUSED)
    if isinstance(error, BadYaml) and len(error.problems) > 1:
        for problem in error.problems:
            progress(str(problem))
        return _say(f"{error.subject}: its file has the {len(error.problems)} problems above", UNUSABLE)
    return _say(_told(error), UNUSABLE)


def _told(error: Exception) -> str:
    """An error in words: our own, the system's, the database's; of any other the name, for it is ours to explain."""
    text = str(error) or type(error).__name__
    if of_database := database.trouble(error):
        return of_database
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        hint = "; ASCEND_STATE names another folder for state" if error.errno in _NOT_WRITABLE else ""
        return f"{error.filename}: {error.strerror}{hint}"
    if isinstance(error, (Unusable, OSError, click.ClickException)) or type(error).__module__.split(".")[0] in _OURS:
        return text
    return f"{type(error).__name__}: {text} (ascend --traceback ... shows where)"


def _say(message: str, code: int) -> int:
    progress(f"ascend: {' '.join(message.split())}")
    return code
