"""`ascend status`, `ascend show`, `ascend model list`: what is there, read only.

Here belongs printing what the registry, the ledgers and the event log hold. `model list` and `show` read the store
alone and do not load Dagster, for somebody is waiting for them at night.
"""

from typing import Any

import click

from ascend_assets import models
from ascend_assets.cli.console import Unusable, print_json, say, table
from ascend_assets.cli.verdicts import verdict_table
from ascend_assets.environments import in_force
from ascend_assets.gates.verdict import Verdict
from resources.home import home
from resources.registry.ledger import Ledger
from resources.registry.releases import Registry, Release
from resources.store.objects import blob_key
from resources.store.opening import open_store

_DIGEST = 12


@click.group()
def model() -> None:
    """A model's releases."""


@model.command("list")
@click.argument("name", metavar="MODEL")
@click.option("--env", "environment", type=click.Choice(in_force().names), help="Only what was deployed there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def list_releases(name: str, environment: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's keyword
    """List the releases of MODEL, newest first, and where each is live."""
    registry, ledger = _stores()
    live = {env: entry.version for env in in_force().names if (entry := ledger.live(env, name))}
    releases = list(reversed(registry.releases(name)))
    if environment:
        deployed = {entry.version for entry in ledger.history(environment, name)}
        releases = [release for release in releases if release.version in deployed]
    rows = [_row(release, live) for release in releases]
    if not releases and name not in _known():
        raise Unusable(f"no model {name!r}; there are: {', '.join(_known()) or 'none'}")
    if as_json:
        print_json({"model": name, "live": live, "releases": rows})
        return
    if not rows:
        where = f" in {environment}" if environment else ""
        say(f"{name} has no release{where} yet: ascend run {name}")
        return
    table(
        ("version", "live in", "candidate", "released", "by", "targets", "origin"),
        [
            (r["version"], ", ".join(r["live"]) or "-", r["candidate"], r["created_at"][:16].replace("T", " "),
             r["created_by"], ", ".join(r["targets"]), r["origin"])
            for r in rows
        ],
    )  # fmt: skip


@click.command(short_help="Show one release: what it is made of, and every verdict.")
@click.argument("release", metavar="MODEL[/VERSION]")
@click.option("--json", "as_json", is_flag=True, help="The manifest on stdout.")
def show(release: str, as_json: bool) -> None:  # noqa: FBT001 - click's keyword
    """Show one release: what it is made of, and every verdict. Without a version, the newest."""
    registry, ledger = _stores()
    name, _, version = release.partition("/")
    found = registry.get(name, version.removeprefix("v")) if version else registry.latest(name)
    if found is None:
        if name not in _known():
            raise Unusable(f"no model {name!r}; there are: {', '.join(_known()) or 'none'}")
        raise Unusable(f"{name} has no release yet: ascend run {name}")
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    live = [env for env in in_force().names if (e := ledger.live(env, name)) and e.release_digest == found.digest]
    say(f"{found.model} {found.version}   live in: {', '.join(live) or 'no environment'}")
    for label, text in _facts(found):
        say(f"  {label:12} {text}")
    say()
    verdict_table([Verdict.model_validate(v) for v in found.verdicts])


@click.command(short_help="Show every model: its stages, its gates, what is live where.")
@click.argument("name", metavar="[MODEL]", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def status(name: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's keyword
    """Show every model, or one: its stages, its gates, and what is live where."""
    from ascend_assets.cli import state

    found = state.read(models.DEFS, name)
    if as_json:
        print_json({"models": found})
        return
    for one in found:
        _print_status(one)


def _stores() -> tuple[Registry, Ledger]:
    store = open_store(home().store)
    return Registry(store), Ledger(store)


def _known() -> list[str]:
    return [folder.name for folder in models.folders(models.DEFS)]


def _row(release: Release, live: dict[str, str]) -> dict[str, Any]:
    return {
        "version": release.version,
        "live": [env for env, version in live.items() if version == release.version],
        "candidate": release.candidate,
        "commit": release.commit,
        "dirty": release.dirty,
        "created_at": release.created_at.isoformat(),
        "created_by": release.created_by,
        "targets": sorted(release.targets),
        "origin": release.toolchain.origin,
        "digest": release.digest,
    }


def _facts(release: Release) -> list[tuple[str, str]]:
    places = home()
    page = places.dossiers / release.model / f"{release.candidate}.html"
    return [
        ("candidate", f"{release.candidate}{' (uncommitted changes: stays in dev)' if release.dirty else ''}"),
        ("commit", release.commit or "none"),
        ("released", f"{release.created_at.isoformat(timespec='minutes')} by {release.created_by}"),
        ("evidence", f"{release.toolchain.origin} by {release.toolchain.name} (CANN {release.toolchain.cann})"),
        ("onnx", f"{release.onnx.sha256[:_DIGEST]}  {release.onnx.size:,} bytes"),
        *((t.soc_version, f"{t.om.sha256[:_DIGEST]}  {t.om.size:,} bytes") for t in release.targets.values()),
        ("dossier", str(page) if page.is_file() else f"{places.store}/{blob_key(release.dossier)}"),
        ("manifest", release.digest),
    ]


def _print_status(one: dict[str, Any]) -> None:
    say(one["model"])
    if one["problems"]:
        for problem in one["problems"]:
            say(f"  not loaded   {problem}")
        return
    live = [f"{env} {version}" for env, version in one["live"].items()]
    say(f"  live         {', '.join(live) or 'nowhere'}")
    say(f"  candidate    {one['candidate'] or 'none yet: ascend run ' + one['model']}")
    if one["stages"]:
        table(
            ("stage", "made", "sha256", "gates"),
            [(s["stage"], s["made"], s["sha256"][:_DIGEST], s["gates"]) for s in one["stages"]],
        )
    say()
