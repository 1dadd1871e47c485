"""`ascend copilot`: is a language model configured, does it answer, and which options does it propose?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ascend_assets.cli.bounds import bounded
from ascend_assets.cli.console import Unusable, print_json, progress, say

if TYPE_CHECKING:
    from resources.copilot.client import Copilot


@click.group(short_help="The language model that may be asked: its state, a test, proposals.")
def copilot() -> None:
    """The language model that may be asked where rules are silent. Off unless configured; see docs/copilot.md."""


@copilot.command(short_help="What is configured, and what was spent today.")
@click.option("--try", "trying", is_flag=True, help="Ask it one small question.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def state(*, trying: bool, as_json: bool) -> None:
    """What is configured, what was spent today, and with --try whether it answers. Exit code 2: it does not."""
    from resources.copilot import client

    found = client.opened()
    told: dict[str, Any] = {"configured": False} if found is None else _state(found)
    if trying:
        told["answers"] = _answers(_needed(found))
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        say(f"{name.replace('_', ' ')}: {value}")


@copilot.command(short_help="ATC's options for a model, judged like any others.")
@click.argument("model", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.option("--soc", metavar="SOC", default="Ascend310P3", show_default=True, help="SoC version.")
@click.option("--input-shape", default="", metavar='"x:1,3,224,224"', help="Shapes of dynamic inputs.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(1, 86400),
    default=900,
    show_default=True,
    help="Give up after so long.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def options(*, model: Path, soc: str, input_shape: str, timeout: float, as_json: bool) -> None:
    """Ask for ATC's options for MODEL.onnx, and judge the file with ATC's defaults and with them, emulated.

    The options are a proposal: nothing is written.
    """
    from ascend_assets.copilot import judged
    from resources.ascend.options import CompileOptions
    from resources.ascend.soc import UnknownSocError
    from resources.ascend.soc import soc as look_up
    from resources.copilot import client
    from resources.onnx_files.shapes import parse_input_shape

    try:
        look_up(soc)
        base = CompileOptions(soc_version=soc, input_shape=parse_input_shape(input_shape) if input_shape else {})
    except (UnknownSocError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    asked = _needed(client.opened())
    with bounded(timeout, "give a smaller --input-shape"):
        found = judged.options(asked, model, base, progress)
    if as_json:
        print_json(found.as_json())
        return
    for line in found.lines():
        say(line)


def _needed(found: "Copilot | None") -> "Copilot":
    if found is None:
        raise Unusable("no copilot is configured: set ASCEND_COPILOT_URL and ASCEND_COPILOT_MODEL; see docs/copilot.md")
    return found


def _state(found: "Copilot") -> dict[str, Any]:
    from resources.copilot import cost

    settings = found.settings
    spent = cost.spent(found.folder, found.now())
    mine = spent.endpoint == cost.endpoint(settings.url)
    return {
        "configured": True,
        "endpoint": settings.place,
        "model": settings.model,
        "key": "given" if settings.key else "none",
        "max_tokens": settings.max_tokens,
        "seconds": settings.seconds,
        "tokens_today": spent.tokens,
        "daily_tokens": settings.daily_tokens,
        "breaker": spent.breaker.state(found.now()) if mine else "closed",
        "last_failure": spent.breaker.why if mine else "",
    }


def _answers(found: "Copilot") -> str:
    """One small question. Raises a `CopilotError`."""
    from resources.copilot.messages import Question

    schema = {"type": "object", "properties": {"ready": {"type": "boolean"}}, "required": ["ready"]}
    answer = found.ask(Question("ready", "Say whether you are ready.", "{}", schema))
    return "yes, from the cache" if answer.cached else f"yes, for {answer.tokens} tokens"
