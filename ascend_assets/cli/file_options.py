"""Options of the commands that take any ONNX file, and what they are made into.

Here belong the words and their checks, the same for `preflight`, `diagnose` and `repair`. Not here: the commands.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from resources.ascend.options import PRECISION_MODES, PRECISION_MODES_V2, CompileOptions

DEFAULT_SOC = "Ascend310P3"

Command = Callable[..., Any]


def of_file(command: Command) -> Command:
    """The options that say what a file is compiled for and what it is fed."""
    options = (
        click.option(
            "--soc", metavar="SOC", default=DEFAULT_SOC, show_default=True, help="SoC version, as npu-smi names it."
        ),
        click.option(
            "--precision-mode",
            metavar="MODE",
            type=click.Choice(PRECISION_MODES),
            help=f"One of {', '.join(PRECISION_MODES)}.",
        ),
        click.option(
            "--precision-mode-v2",
            metavar="MODE",
            type=click.Choice(PRECISION_MODES_V2),
            help=f"Instead of --precision-mode, one of {', '.join(PRECISION_MODES_V2)}. "
            "Neither: ATC's default, force_fp16.",
        ),
        click.option(
            "--input-shape", default="", metavar='"x:1,3,224,224"', help="Shapes of dynamic inputs, as ATC takes them."
        ),
        click.option(
            "--batch",
            metavar="N",
            type=click.IntRange(1, 4096),
            help="First dimension of inputs that leave it open; 1 if not given.",
        ),
        click.option(
            "--inputs",
            metavar="FILE.npz",
            type=click.Path(path_type=Path),
            help="One array per input, samples first; else random tensors.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def parsed(
    soc: str, mode: str | None, mode_v2: str | None, input_shape: str, *, known_soc: bool = True, **more: object
) -> CompileOptions:
    """The options, each checked on its own so that the message names it; `known_soc`: no other will do.

    `more`: further fields of `CompileOptions`. Raises `click.BadParameter`, `click.UsageError`.
    """
    from pydantic import ValidationError

    from resources.onnx_files.shapes import parse_input_shape

    if mode and mode_v2:
        raise click.UsageError("--precision-mode and --precision-mode-v2 exclude each other: give one")
    if known_soc:
        check_soc(soc)
    try:
        shapes = parse_input_shape(input_shape) if input_shape else {}
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--input-shape") from error
    fields = {"soc_version": soc, "precision_mode": mode, "precision_mode_v2": mode_v2, "input_shape": shapes, **more}
    try:
        return CompileOptions.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise click.UsageError(f"{where + ': ' if where else ''}{first['msg']}") from error


def check_soc(soc: str) -> None:
    """Raises `click.BadParameter` for a SoC version that no table knows, with those that may be meant."""
    from resources.ascend.soc import UnknownSocError
    from resources.ascend.soc import soc as look_up

    try:
        look_up(soc)
    except UnknownSocError as error:
        raise click.BadParameter(f"no SoC version {soc!r} is known: {_near(soc)}", param_hint="--soc") from error


def _near(soc: str) -> str:
    """The SoC versions that may be meant, or all."""
    from difflib import get_close_matches

    from resources.ascend.soc import soc_names

    names = {name.lower(): name for name in soc_names()}
    asked = soc.lower()
    same = [name for low, name in names.items() if asked in {low, low.removeprefix("ascend")}]
    part = [name for low, name in names.items() if len(asked) > 2 and asked in low]  # noqa: PLR2004 - "31" means nothing
    near = same or part or [names[low] for low in get_close_matches(asked, names, n=4, cutoff=0.8)]
    return f"perhaps {' or '.join(near)}" if near else f"give one of {', '.join(soc_names())}"
