"""`ascend bundle create`: releases of several models as one thing that moves as one.

Here belong options and words. Not here: its version (`ascend_assets/operations/bundle.py`).
"""

from pathlib import Path

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import Unusable, print_json, refusing, say
from ascend_assets.cli.person import actor
from ascend_assets.cli.tools import model_names, registry_tools
from resources.registry.manifests import AlreadyReleased


@click.group()
def bundle() -> None:
    """Releases of several models that are promoted and rolled back as one."""


@bundle.command("create")
@click.argument("name")
@click.argument("members", metavar="MODEL/VERSION...", nargs=-1, required=True)
@click.option(
    "--file", "files", multiple=True, type=click.Path(path_type=Path), help="A file that goes along; several times."
)
@click.option("--changelog", default="", help="What is new, for whoever decides on it.")
@options.dry_run
@options.as_json
def create(
    *, name: str, members: tuple[str, ...], files: tuple[Path, ...], changelog: str, dry_run: bool, as_json: bool
) -> None:
    """Release NAME: these releases, and files, as one. Its version says what changed for those who use it.

    After that NAME stands wherever a MODEL may: ascend promote, approve, model list, model rollback.
    """
    from ascend_assets.operations import bundle as operation

    with refusing(operation.BundleRefused, AlreadyReleased, as_json=as_json):
        made = operation.create(
            registry_tools(),
            name=name,
            members=[_member(text) for text in members],
            files=files,
            changelog=changelog,
            actor=actor(),
            models=model_names(),
            dry_run=dry_run,
        )
    document = made.bundle
    if as_json:
        change = made.change.value if made.change else None
        own = {**document.model_dump(mode="json"), "digest": document.digest}
        print_json({"bundle": own, "change": change, "new": made.new, "dry_run": dry_run})
        return
    if not made.new:
        say(f"Nothing has changed: {name} {document.version} holds these very releases and files.")
        return
    word = "would be released; nothing was written" if dry_run else "is released"
    say(f"{name} {document.version} {word}{f' ({made.change} change)' if made.change else ''}")
    for member in document.members:
        say(f"  {member.model} {member.version}")
    for key, file in document.files.items():
        say(f"  {key}  {file.size:,} bytes")


def _member(text: str) -> tuple[str, str]:
    model, slash, version = text.partition("/")
    if not slash or not version:
        raise Unusable(f"{text!r} names no release: give MODEL/VERSION, such as encoder/1.4.0")
    return model, version.removeprefix("v")
