"""`ascend add`: write a model's file from an ONNX file."""

from pathlib import Path

import click

from ascend_assets.cli.console import print_json, say


@click.command(short_help="Make a model of an ONNX file.")
@click.argument("onnx", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Lower-case letters, digits and _; becomes the folder's name.")
@click.option(
    "--soc", "socs", multiple=True, required=True, help="SoC version to compile for; may be given several times."
)
@click.option("--task", default="inference", show_default=True, help="What the model does, in a few words.")
@click.option("--owner", "owners", multiple=True, help="team:NAME or a mail address; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def add(onnx: Path, name: str, socs: tuple[str, ...], task: str, owners: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes options by keyword
    """Make a model of an ONNX file: copies it and writes its defs.yaml, for a person to complete."""
    from ascend_assets import models, new_model

    folder = new_model.add(onnx, name=name, soc=socs, defs=models.DEFS, task=task, owners=owners)
    if as_json:
        print_json({"model": name, "folder": str(folder)})
        return
    say(f"{folder / models.FILE_NAME} is written. Read it, commit the folder, then: ascend run {name}")
