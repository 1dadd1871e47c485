"""`ascend promote`, `ascend model rollback`, `ascend model result`: what changes an environment, or bears on it.

Here belong options, tables and exit codes; nothing heavy is loaded, for a rollback is wanted at once. Not here: what
is demanded, or the moves themselves (`ascend_assets/operations`).
"""

from pathlib import Path
from typing import Any

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import Refused, print_json, refusing, say
from ascend_assets.cli.files import read_whole
from ascend_assets.cli.person import actor
from ascend_assets.cli.requirements import listed, requirement_table
from ascend_assets.cli.tools import known, registry_tools, require_known
from resources.registry.admissions import Requirement
from resources.registry.ledger import Entry, LedgerMoved


@click.command(short_help="Make a release live in an environment, if it meets all that is demanded there.")
@options.name
@click.option("--to", "environment", required=True, metavar="ENV", help="The environment.")
@click.option(
    "--version",
    default="",
    metavar="VERSION",
    callback=options.number,
    help="Which release; without it the one that is live in the environment before, for the first the newest.",
)
@options.maybe_reason
@options.dry_run
@options.as_json
def promote(*, name: str, environment: str, version: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Make a release of MODEL live in an environment, if it meets everything that is demanded there.

    Every verdict is given again, from the evidence. What is not met is shown with what to do. With --dry-run all
    requirements are shown, met or not, and nothing is written. Exit code 1: something is not met, or somebody else
    was faster.
    """
    from ascend_assets.operations import promote as operation

    tools = registry_tools()
    with known(tools, name):
        decided = operation.plan(
            tools, name=name, environment=environment, version=version, actor=actor(), reason=reason
        )
    live = decided.present.live
    if live is not None and live.release_digest == decided.released.digest:
        _said(live, (), dry_run=dry_run, as_json=as_json, new=False)
        return
    requirements = decided.admission.requirements
    if decided.unmet:
        because = f"{name} {decided.released.version} may not enter {environment}"
        _refuse(because, requirements if dry_run else decided.unmet, decided.unmet, as_json=as_json)
    with refusing(LedgerMoved, as_json=as_json):
        entry = decided.entry() if dry_run else operation.make(tools, decided)
    _said(entry, requirements, dry_run=dry_run, as_json=as_json)


@click.command(short_help="Return an environment to a release that was live there.")
@options.name
@options.environment
@options.maybe_version
@options.reason
@options.dry_run
@options.as_json
def rollback(*, name: str, environment: str, version: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Return an environment to a release of MODEL that was live there; without a version to the last that was well.

    The release is looked at first: all there, undamaged, rightly signed, loads on its targets. If not, what is live
    stays, and the next older one is named.
    """
    from ascend_assets.operations import rollback as operation

    tools = registry_tools()
    before = tools.ledger.live(tools.environments.get(environment).name, name)
    if before is None:
        require_known(tools, name)
    try:
        with refusing(LedgerMoved, as_json=as_json):
            entry = operation.rollback(
                tools,
                name=name,
                environment=environment,
                version=version,
                actor=actor(),
                reason=reason,
                dry_run=dry_run,
            )
    except operation.RollbackRefused as error:
        lines = str(error).splitlines()
        _refuse("; ".join(dict.fromkeys((lines[0].rstrip(":"), lines[-1]))), error.unmet, error.unmet, as_json=as_json)
    else:
        _said(entry, (), dry_run=dry_run, as_json=as_json, new=before is None or entry.digest != before.digest)


@click.command(short_help="Record how a canary or an A/B test of a release ended.")
@options.name
@options.version
@options.environment
@click.option("--report", required=True, type=click.Path(path_type=Path), help="The test's report, a JSON file.")
@options.reason
@options.dry_run
@options.as_json
def result(
    *, name: str, version: str, environment: str, report: Path, reason: str, dry_run: bool, as_json: bool
) -> None:
    """Record how a canary or an A/B test of a release of MODEL ended, and judge it.

    A bad result is recorded as well, with exit code 1: the newest one counts.
    """
    from ascend_assets.operations import result as operation

    tools = registry_tools()
    with known(tools, name), refusing(LedgerMoved, operation.ResultRefused, as_json=as_json):
        recorded = operation.record(
            tools,
            name=name,
            environment=environment,
            version=version,
            report=read_whole(report, operation.MAX_REPORT_BYTES),
            actor=actor(),
            reason=reason,
            dry_run=dry_run,
        )
    if as_json:
        print_json({**_as_json(recorded.entry, recorded.judged, dry_run=dry_run), "good": bool(recorded)})
    else:
        requirement_table(recorded.judged)
        word = "would be recorded" if dry_run else f"is recorded (entry {recorded.entry.sequence})"
        say(
            f"the test of {name} {recorded.entry.version} in {environment} {word}: {'good' if recorded else 'not good'}"
        )
    if not recorded:
        raise Refused(f"the test of {name} {recorded.entry.version} did not go well: it does not help it on")


def _refuse(because: str, shown: tuple[Requirement, ...], unmet: tuple[Requirement, ...], *, as_json: bool) -> None:
    """Show what stands against a move, and end with it. Raises `Refused`."""
    if as_json:
        print_json({"refused": True, "because": because, "requirements": listed(shown)})
    else:
        requirement_table(shown)
    count = f": {len(unmet)} requirement{'s' if len(unmet) != 1 else ''} not met" if unmet else ""
    raise Refused(because if as_json else f"{because}{count}")


def _said(
    entry: Entry, requirements: tuple[Requirement, ...], *, dry_run: bool, as_json: bool, new: bool = True
) -> None:
    if as_json:
        print_json({**_as_json(entry, requirements, dry_run=dry_run), "changed": new and not dry_run})
        return
    release = f"{entry.model} {entry.version}"
    if not new:
        since = f"{entry.at:%Y-%m-%d %H:%M} UTC (entry {entry.sequence})"
        say(f"{release} is live in {entry.environment} already, since {since}")
        return
    if dry_run:
        requirement_table(requirements)
        say(f"{release} would be live in {entry.environment}, as entry {entry.sequence}; nothing was written")
        return
    say(f"{release} is live in {entry.environment} (entry {entry.sequence}, {entry.kind} by {entry.actor})")


def _as_json(entry: Entry, requirements: tuple[Requirement, ...], *, dry_run: bool) -> dict[str, Any]:
    return {
        "refused": False,
        "dry_run": dry_run,
        "entry": {**entry.model_dump(mode="json"), "digest": entry.digest},
        "requirements": listed(requirements),
    }
