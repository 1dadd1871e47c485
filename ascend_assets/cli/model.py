"""`ascend model ...`: the group, and its commands that only read: list, history, diff.

Here belong tables and JSON of releases and ledgers. They are read without Dagster, for somebody is waiting at night.
Not here: reading them (`ascend_assets/operations`), what moves a release (`moves.py`), the page of a diff
(`diff_page.py`).
"""

from dataclasses import asdict
from typing import Any

import click

from ascend_assets.cli import diff_page, moves, options
from ascend_assets.cli.console import print_json, say, table
from ascend_assets.cli.tools import known, registry_tools, require_known
from ascend_assets.operations import history as ledgers
from ascend_assets.operations.diff import diff as compare
from ascend_assets.operations.history import Listed, Step
from resources.registry.manifests import NotReleased
from resources.registry.releases import Release

_LINES = 20


@click.group()
def model() -> None:
    """What was released of a model or bundle, where it is, and moving it back."""


model.add_command(moves.rollback)
model.add_command(moves.result)


@model.command("list")
@options.name
@options.any_environment
@click.option("--limit", default=0, type=click.IntRange(min=0), help="At most so many releases; 0 for all.")
@options.as_json
def list_releases(*, name: str, environment: str, limit: int, as_json: bool) -> None:
    """List the releases of MODEL, newest first, and the state of each in every environment.

    `live`: now. `was live`: another was put in its place. `rolled back`: it was left by a rollback. `signed by 1`:
    since the present release went live; whether a signature counts is shown by `ascend promote --dry-run`.
    """
    tools = registry_tools()
    found = ledgers.listing(tools, name, environment, limit=limit)
    if not found:
        require_known(tools, name)
    if as_json:
        live = {place: one.manifest.version for one in found for place in one.live}
        print_json({"model": name, "live": live, "releases": [_as_json(one) for one in found]})
        return
    if not found:
        where = f" in {environment}" if environment else ""
        say(f"{name} has no release{where} yet: ascend run {name}")
        return
    table(
        (
            "version",
            *(state.environment for state in found[0].states),
            "candidate",
            "released",
            "by",
            "targets",
            "origin",
        ),
        [_row(one) for one in found],
    )


@model.command("history")
@options.name
@options.environment
@click.option("--limit", default=_LINES, type=click.IntRange(min=0), show_default=True, help="Entries; 0 for all.")
@options.as_json
def history(*, name: str, environment: str, limit: int, as_json: bool) -> None:
    """Show what happened to MODEL in an environment, newest first: who did what, when and why.

    `live`: this entry made what is live. `holds`: recorded since then, so that the next promotion looks at it.
    """
    tools = registry_tools()
    try:
        steps = ledgers.history(tools, name, environment, limit=limit)
    except NotReleased:
        require_known(tools, name)
        steps = ()
    if as_json:
        print_json({"model": name, "environment": environment, "entries": [_step_as_json(step) for step in steps]})
        return
    if not steps:
        say(f"{environment} has had nothing of {name} yet: ascend promote {name} --to {environment} --reason WHY")
        return
    table(
        ("entry", "", "what", "version", "when", "by", "signed by", "why"),
        [_line(step) for step in steps],
        wrap=7,
    )
    if steps[-1].entry.sequence > 1:
        say(f"older entries: --limit {2 * len(steps)}, or 0 for all")


@model.command("diff")
@options.name
@click.argument("before", metavar="V1", callback=options.number)
@click.argument("after", metavar="V2", callback=options.number)
@options.as_json
def diff(*, name: str, before: str, after: str, as_json: bool) -> None:
    """Show what changed in MODEL from V1 to V2: signature, files, toolchain, verdicts, authors, changelog."""
    tools = registry_tools()
    with known(tools, name):
        found = compare(tools, name, before, after)
    if as_json:
        print_json(diff_page.as_json(found))
    else:
        diff_page.show_diff(found)


def _row(one: Listed) -> tuple[str, ...]:
    manifest = one.manifest
    about = (
        (manifest.candidate, ", ".join(sorted(manifest.targets)), manifest.toolchain.origin)
        if isinstance(manifest, Release)
        else ("-", ", ".join(f"{member.model} {member.version}" for member in manifest.members), "-")
    )
    when = f"{manifest.created_at:%Y-%m-%d %H:%M}"
    return (manifest.version, *map(str, one.states), about[0], when, manifest.created_by, *about[1:])


def _as_json(one: Listed) -> dict[str, Any]:
    manifest = one.manifest
    about: dict[str, Any] = (
        {
            "candidate": manifest.candidate,
            "commit": manifest.commit,
            "dirty": manifest.dirty,
            "targets": sorted(manifest.targets),
            "origin": manifest.toolchain.origin,
        }
        if isinstance(manifest, Release)
        else {"members": {member.model: member.version for member in manifest.members}}
    )
    states = {
        state.environment: {**asdict(state), "since": state.since.isoformat() if state.since else None}
        for state in one.states
    }
    return {
        "version": manifest.version,
        "live": list(one.live),
        "states": states,
        "created_at": manifest.created_at.isoformat(),
        "created_by": manifest.created_by,
        "digest": manifest.digest,
        **about,
    }


def _line(step: Step) -> tuple[str, ...]:
    entry = step.entry
    mark = "live" if step.live else "holds" if step.holds else ""
    when = f"{entry.at:%Y-%m-%d %H:%M:%S}"
    return (str(entry.sequence), mark, entry.kind, entry.version, when, entry.actor, step.signer, entry.reason)


def _step_as_json(step: Step) -> dict[str, Any]:
    return {
        **step.entry.model_dump(mode="json"),
        "digest": step.entry.digest,
        "live": step.live,
        "holds": step.holds,
        "signer": step.signer,
    }
