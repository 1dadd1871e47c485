"""The jobs that change what is live: promote and rollback; and the bundle, which is made to be moved.

Not here: whether a move may be made (`ascend_assets/operations`).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from ascend_assets import deployments, markdown, models, shown
from ascend_assets.assets.source import FOLDER
from ascend_assets.operations import bundle, promote, rollback
from ascend_assets.operator_jobs.step import About, Signed, entry_shown, job, report
from ascend_assets.stage import Tools
from resources.registry.ledger import Entry


class Move(Signed):
    """The form of both."""

    version: str = Field(
        default="",
        description="The version. Empty: for promote what is live in the environment before, for rollback the last "
        "healthy one.",
    )


class Members(About):
    """The form of `bundle`. Files are added by the command line alone: whoever is in the UI may not read this disk."""

    model: str = Field(description="The bundle's name; no model may have it.")
    members: list[str] = Field(description="The releases that it holds, as MODEL/VERSION.")
    changelog: str = Field(default="", description="What is new.")
    actor: str = Field(description="Who you are. It stands in the manifest as you write it.")
    dry_run: bool = Field(default=False, description="Say what would be made, and write nothing.")


def _promote(context: dg.OpExecutionContext, form: Move, tools: Tools) -> Mapping[str, Any]:
    options: dict[str, Any] = {
        "name": form.model,
        "environment": form.environment,
        "version": form.version,
        "actor": form.actor,
        "reason": form.reason,
    }
    if form.dry_run:
        decided = promote.plan(tools, **options)
        may = "may not enter" if decided.unmet else "may enter"
        return {
            "result": f"{form.model} {decided.released.version} {may} {form.environment}; nothing was written",
            "version": decided.released.version,
            "requirements": dg.MetadataValue.md(markdown.requirements(decided.admission.requirements)),
        }
    entry = promote.promote(tools, **options)
    return _report(context, tools, entry)


def _rollback(context: dg.OpExecutionContext, form: Move, tools: Tools) -> Mapping[str, Any]:
    entry = rollback.rollback(
        tools,
        name=form.model,
        environment=form.environment,
        version=form.version,
        actor=form.actor,
        reason=form.reason,
        dry_run=form.dry_run,
    )
    return entry_shown(entry, dry_run=True) if form.dry_run else _report(context, tools, entry)


def _report(context: dg.OpExecutionContext, tools: Tools, entry: Entry) -> dict[str, Any]:
    """What the move came to; an entry that the asset shows already, because it was live, is not reported again."""
    asset = deployments.key(entry.model, entry.environment)
    if deployments.shows(context.instance, asset, entry):
        return {"result": f"nothing to do: live is {entry}", **shown.of_entry(tools, entry)}
    report(context, tools, entry)
    return {**entry_shown(entry, dry_run=False), **shown.of_entry(tools, entry)}


def _bundle(_context: dg.OpExecutionContext, form: Members, tools: Tools) -> Mapping[str, Any]:
    made = bundle.create(
        tools,
        name=form.model,
        members=[_member(text) for text in form.members],
        changelog=form.changelog,
        actor=form.actor,
        models=[folder.name for folder in models.folders(tools.repository / FOLDER)],
        dry_run=form.dry_run,
    )
    words = {True: "would be published" if form.dry_run else "published", False: "is there already"}
    found = made.bundle
    rows = ((member.model, member.version, member.release_digest) for member in found.members)
    return {
        "result": f"{found.model} {found.version} {words[made.new]}",
        "version": found.version,
        "manifest": found.digest,
        "change": str(made.change or "none"),
        "members": dg.MetadataValue.md(markdown.table(("model", "version", "manifest"), rows)),
    }


def _member(text: str) -> tuple[str, str]:
    model, _, version = text.strip().partition("/")
    if not version:
        raise bundle.BundleRefused(f"members: {text[:80]!r} names no version: write MODEL/VERSION")
    return model, version


PROMOTE = job(
    "promote",
    Move,
    _promote,
    "Make a release the present of an environment, if it meets all that the environment demands. With dry_run: every "
    "requirement, met or not, and what to do.",
)
ROLLBACK = job(
    "rollback",
    Move,
    _rollback,
    "Return an environment to a release that was live there, if that one is still whole, signed and loadable.",
)
BUNDLE = job("bundle", Members, _bundle, "Publish several models' releases as one thing to deploy.")
