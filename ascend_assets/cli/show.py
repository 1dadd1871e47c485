"""`ascend status` and `ascend show`: every model with its stages, and one release with its verdicts. Read only.

Here belongs printing. `show` reads the store alone and does not load Dagster. Not here: lists and ledgers
(`model.py`).
"""

from typing import Any

import click

from ascend_assets import models
from ascend_assets.cli import options
from ascend_assets.cli.console import Unusable, print_json, say, table
from ascend_assets.cli.tools import registry_tools, require_known
from ascend_assets.cli.verdicts import verdict_table
from ascend_assets.gates.verdict import Verdict
from ascend_assets.stage import Tools
from resources.home import home
from resources.registry import released
from resources.registry.bundles import Bundle
from resources.registry.releases import Release
from resources.store.objects import blob_key

_DIGEST = 12


@click.command(short_help="Show one release: what it is made of, and every verdict.")
@click.argument("release", metavar="MODEL[/VERSION]")
@options.as_json
def show(*, release: str, as_json: bool) -> None:
    """Show one release or bundle: what it is made of, and every verdict. Without a version, the newest."""
    tools = registry_tools()
    name, _, version = release.partition("/")
    known = released.versions(tools.registry.store, name)
    if not known:
        require_known(tools, name)
    if not known and not version:
        raise Unusable(f"{name} has no release yet: ascend run {name}")
    found = released.find(tools.registry.store, name, version.removeprefix("v") or str(known[-1]))
    manifest = found.manifest
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    say(f"{manifest.model} {manifest.version}   live in: {', '.join(_live(tools, manifest)) or 'no environment'}")
    facts = _bundle_facts(manifest) if isinstance(manifest, Bundle) else _facts(manifest)
    for label, text in facts:
        say(f"  {label:12} {text}")
    if isinstance(manifest, Release):
        say()
        verdict_table([Verdict.model_validate(v) for v in manifest.verdicts])


@click.command(short_help="Show every model: its stages, its gates, what is live where.")
@click.argument("name", metavar="[MODEL]", required=False)
@options.as_json
def status(*, name: str | None, as_json: bool) -> None:
    """Show every model, or one: its stages, its gates, and what is live where."""
    from ascend_assets.cli import state

    found = state.read(models.DEFS, name)
    if as_json:
        print_json({"models": found})
        return
    for one in found:
        _print_status(one)


def _live(tools: Tools, manifest: Release | Bundle) -> list[str]:
    live = {name: tools.ledger.live(name, manifest.model) for name in tools.environments.names}
    return [name for name, entry in live.items() if entry and entry.release_digest == manifest.digest]


def _facts(release: Release) -> list[tuple[str, str]]:
    places = home()
    page = places.dossiers / release.model / f"{release.candidate}.html"
    return [
        ("candidate", f"{release.candidate}{' (uncommitted changes: stays in dev)' if release.dirty else ''}"),
        ("commit", release.commit or "none"),
        ("authors", ", ".join(release.authors) or "unknown"),
        ("released", f"{release.created_at.isoformat(timespec='minutes')} by {release.created_by}"),
        ("evidence", f"{release.toolchain.origin} by {release.toolchain.name} (CANN {release.toolchain.cann})"),
        ("onnx", f"{release.onnx.sha256[:_DIGEST]}  {release.onnx.size:,} bytes"),
        *((t.soc_version, f"{t.om.sha256[:_DIGEST]}  {t.om.size:,} bytes") for t in release.targets.values()),
        ("dossier", str(page) if page.is_file() else f"{places.store}/{blob_key(release.dossier)}"),
        ("manifest", release.digest),
    ]


def _bundle_facts(bundle: Bundle) -> list[tuple[str, str]]:
    return [
        ("released", f"{bundle.created_at.isoformat(timespec='minutes')} by {bundle.created_by}"),
        *(("release", f"{member.model}/{member.version}") for member in bundle.members),
        *(("file", f"{key}  {file.sha256[:_DIGEST]}  {file.size:,} bytes") for key, file in bundle.files.items()),
        ("manifest", bundle.digest),
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
