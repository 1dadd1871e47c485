"""`ascend`: the commands, and what a person sees when one fails.

Here belong the group and the translation of errors into one line and an exit code. Heavy imports stay inside commands,
so that `ascend --help` and `ascend preflight` start at once.
"""

import io
import os
import sys
import warnings

import click

from ascend_assets.cli import add, init, preflight, registry, run
from ascend_assets.cli.bounds import INTERRUPTED
from ascend_assets.cli.console import Refused, Unusable, progress

REFUSED, UNUSABLE = 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--traceback", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="ascend-assets")
@click.pass_context
def cli(context: click.Context, traceback: bool) -> None:  # noqa: FBT001 - click passes options by keyword
    """From a model to a signed, reversible release on Ascend NPUs, with evidence.

    Start with:  ascend preflight MODEL.onnx
    """
    context.obj = traceback


cli.add_command(preflight.preflight)
cli.add_command(add.add)
cli.add_command(run.run)
cli.add_command(run.release)
cli.add_command(registry.status)
cli.add_command(registry.show)
cli.add_command(registry.model)
cli.add_command(init.init)


def main() -> None:
    """Run the command line. One line on stderr says what went wrong and what to do; no traceback unless asked for."""
    # Dagster warns of its own preview interfaces; a person at a terminal can do nothing about it.
    warnings.filterwarnings("ignore", module=r"dagster(\..*)?")
    # A name that the terminal's encoding lacks is shown with marks in place of letters, not as an error.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    traceback = "--traceback" in sys.argv[1:]
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.Abort:
        code = _say("interrupted", INTERRUPTED)
    except click.UsageError as error:
        hint = f". See: {error.ctx.command_path} --help" if error.ctx else ""
        code = _say(f"{error.format_message().rstrip('.')}{hint}", UNUSABLE)
    except Refused as error:
        code = _say(str(error), REFUSED)
    except BrokenPipeError:
        # The reader of our output has gone; the interpreter must not complain about it while it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if traceback:
            raise
        told = isinstance(error, (Unusable, OSError, click.ClickException)) or _ours(error)
        text = str(error) or type(error).__name__
        code = _say(text if told else f"{type(error).__name__}: {text} (ascend --traceback ... shows where)", UNUSABLE)
    sys.exit(code or 0)


def _ours(error: Exception) -> bool:
    """Errors of our own say what happened and what to do."""
    return type(error).__module__.split(".")[0] in {"ascend_assets", "resources"}


def _say(message: str, code: int) -> int:
    progress(f"ascend: {' '.join(message.split())}")
    return code
