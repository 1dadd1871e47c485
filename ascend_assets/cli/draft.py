"""`ascend draft`: a sentence becomes a defs.yaml for a person to review."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ascend_assets.cli.console import Unusable, print_json, progress, say

if TYPE_CHECKING:
    from ascend_assets.copilot.drafting import Draft
    from ascend_assets.new_model import Declared


@click.command(short_help="Draft a model's file from a sentence, for a person to review.")
@click.argument("sentence")
@click.option(
    "--onnx", metavar="MODEL.onnx", type=click.Path(path_type=Path), help="Its inputs are taken, not guessed."
)
@click.option("--soc", default="", metavar="SOC", help="The SoC version, where the sentence leaves it open.")
@click.option("--name", default="", help="Lower-case letters, digits and _; else read from the sentence.")
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write it there, if nothing is there."
)
@click.option("--rules-only", is_flag=True, help="Ask no language model, even if one is configured.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def draft(
    *, sentence: str, onnx: Path | None, soc: str, name: str, output: Path | None, rules_only: bool, as_json: bool
) -> None:
    """Draft a defs.yaml from a sentence, for a person to review: nothing is built, and no limit is loosened.

    \b
    ascend draft "convert resnet50 for Ascend310P3, batch 16, no accuracy loss" --onnx resnet50.onnx
    ascend draft "帮我把 YOLOv8 转成 Ascend 910 模型,精度不能掉" -o defs.yaml

    A language model is asked if one is configured (docs/copilot.md); without one, rules alone read the sentence.
    """  # noqa: D301 - the backspace tells click to keep the lines
    from pydantic import ValidationError

    from ascend_assets.copilot import drafting
    from resources.copilot import client

    _check(soc, output)
    copilot = None if rules_only else client.opened()
    try:
        made = drafting.draft(sentence, inputs=_inputs(onnx), soc=soc, name=name, copilot=copilot)
    except ValidationError as error:
        raise Unusable(f"no draft: {'; '.join(str(one['msg']) for one in error.errors()[:3])}") from error
    if output is not None:
        _write(output, made.text)
    if as_json:
        print_json({**made.as_json(), "file": str(output) if output else None})
    else:
        _show(made, output, asked=copilot is not None)


def _check(soc: str, output: Path | None) -> None:
    from resources.ascend.soc import UnknownSocError
    from resources.ascend.soc import soc as look_up

    try:
        look_up(soc or "Ascend310P3")
    except UnknownSocError as error:
        raise click.BadParameter(str(error), param_hint="--soc") from error
    if output is not None and (output.exists() or output.is_symlink()):
        raise Unusable(f"{output}: exists already and is not replaced: give another name, or remove it first")


def _inputs(path: Path | None) -> "tuple[Declared, ...]":
    if path is None:
        return ()
    from ascend_assets import new_model
    from resources import onnx_files

    return new_model.declared_inputs(path, onnx_files.load(path))


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and never over another file, not even one that has just appeared."""
    import os
    import tempfile

    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.absolute().parent, prefix=".draft-") as whole:
        whole.write(text)
        whole.flush()
        os.fsync(whole.fileno())
        os.fchmod(whole.fileno(), 0o644)
        try:
            path.hardlink_to(whole.name)
        except FileExistsError as error:
            raise Unusable(f"{path}: exists already and is not replaced: give another name") from error


def _show(made: "Draft", output: Path | None, *, asked: bool) -> None:
    for line in [] if output else made.text.splitlines():
        say(line)
    for note in made.notes:
        progress(note)
    for one in made.assumed:
        progress(f"assumed: {one.en} / {one.zh}")
    for choice in made.open:
        among = f": {', '.join(choice.choices)}" if choice.choices else ""
        progress(f"to decide: {choice.ask.en} / {choice.ask.zh}{among}")
    by = f"read by {made.read_by}" if asked else "read by rules; no language model was asked"
    progress(f"{f'{output} is written' if output else 'a draft'}, {by}. A person reviews it before anything is built")
