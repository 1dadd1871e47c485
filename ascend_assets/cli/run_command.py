"""`ascend run` and `ascend release`: carry a candidate through its walk, here and now.

Here belong following a run in a terminal and saying at its end what a person needs next. Not here: the walk itself; it
is Dagster's run of the same assets that the UI shows, in the same instance.
"""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from ascend_assets.cli import options, tags
from ascend_assets.cli.console import Refused, Unusable, print_json, progress, say
from ascend_assets.cli.verdicts import counted, verdict_table
from ascend_assets.gates.verdict import Verdict
from ascend_assets.policy_file import in_force
from ascend_assets.progress import StageEvent, listening

if TYPE_CHECKING:
    from ascend_assets.cli import outcome, session


@dataclass
class Watch:
    """What is heard of a run while it goes."""

    quiet: bool
    events: list[StageEvent] = field(default_factory=list)

    def __call__(self, event: StageEvent) -> None:
        """Print what a person watching wants to see."""
        self.events.append(event)
        if self.quiet:
            return
        name = "/".join(event.asset[1:])
        if event.kind == "says":
            progress(f"  {name:28} {event.text}")
        elif event.kind == "failed":
            progress(f"  {name:28} stopped     {event.seconds:6.1f} s")
        elif event.kind in {"made", "reused"}:
            word = "made" if event.kind == "made" else "unchanged"
            progress(f"  {name:28} {word:11} {event.seconds:6.1f} s")

    @property
    def verdicts(self) -> list[Verdict]:
        """Every verdict, in the order in which they were given."""
        return [event.verdict for event in self.events if event.verdict is not None]

    @property
    def recomputed(self) -> list[StageEvent]:
        """Stages that did their work instead of finding it done."""
        return [event for event in self.events if event.kind == "made"]


@click.command(short_help="Build a candidate of a model and carry it to dev.")
@click.argument("model")
@click.option("--commit", default="", metavar="REV", help="Build this commit's files instead of the working tree's.")
@click.option("--hub", default="", metavar="VERSION", help="Take this version of the model's hub.")
@click.option("--repair", is_flag=True, help="Repair the newest refused candidate instead of building one.")
@click.option("--accept", is_flag=True, help="With --repair: also what changes trained weights. You answer for it.")
@options.maybe_reason
@options.as_json
def run(*, model: str, commit: str, hub: str, repair: bool, accept: bool, reason: str, as_json: bool) -> None:
    """Build a candidate of MODEL and carry it to dev, if every gate lets it pass.

    Exit code 0: deployed to dev. 1: judged and refused. 2: not usable.
    """
    from ascend_assets.cli import outcome, session

    if (repair and (commit or hub)) or (accept and not repair):
        raise click.UsageError("--repair takes neither --commit nor --hub, and --accept needs --repair")

    with session.opened(model, commit, hub) as work:
        watch = Watch(quiet=as_json)
        if not as_json:
            progress(f"{model}: {hub or work.commit[:12] or 'what is checked out'} -> {in_force().first.name}")
            progress(f"  {'toolchain':28} {work.toolchain()}")
        begin = time.monotonic()
        with listening(watch):
            job = f"{model}_repair" if repair else f"{model}_candidate"
            ended = work.execute(job, reason, accept=accept)
        if repair:
            tell_repair(work, ended.run_id, as_json=as_json)
        end = outcome.of(work, ended, watch.verdicts, anew=True)
        report(work, end, watch, time.monotonic() - begin, as_json=as_json)


def tell_repair(work: "session.Session", run_id: str, *, as_json: bool) -> None:
    """Say what a repair came to. Raises `Refused` where nothing was repaired."""
    from ascend_assets.repair.telling import sentence

    record = work.repair(run_id)
    if record is None:
        return
    if not record.repaired:
        if as_json:
            print_json({"refused": True, "because": sentence(record), "repair": record.model_dump(mode="json")})
        raise Refused(sentence(record))
    if not as_json:
        say(sentence(record))
        for line in record.patch.diff.splitlines():
            say(f"  {line}")


@click.command(short_help="Judge the candidate that is there once more, and release it.")
@click.argument("model")
@options.maybe_reason
@click.option("--tag", is_flag=True, help="Also write the git tag MODEL/vVERSION at its commit; push it yourself.")
@options.as_json
def release(*, model: str, reason: str, tag: bool, as_json: bool) -> None:
    """Judge the candidate of MODEL that is there once more, and release it to dev if it may pass. Builds nothing."""
    from ascend_assets.cli import outcome, session

    with session.opened(model, "") as work:
        if not work.held():
            raise Unusable(f"{model} has no candidate yet: ascend run {model}")
        watch = Watch(quiet=as_json)
        begin = time.monotonic()
        with listening(watch):
            ended = work.execute(f"{model}_regate", reason)
        end = outcome.of(work, ended, watch.verdicts, anew=False)
        report(work, end, watch, time.monotonic() - begin, as_json=as_json)
        if tag and end.release:
            tags.write(work.tools(), model, end.release.version)


def report(work: "session.Session", end: "outcome.Outcome", watch: Watch, seconds: float, *, as_json: bool) -> None:
    """Say how it ended. Raises `Refused` where a gate refused, `Unusable` where a stage could not do its work."""
    if as_json:
        again = ["/".join(event.asset[1:]) for event in watch.recomputed]
        chosen = work.toolchain().as_json()
        print_json({**end.as_json(), "toolchain": chosen, "recomputed": again, "seconds": seconds})
    else:
        _print(work, end, watch, seconds)
    if not end.because:
        return
    reason, *details = end.because.splitlines()
    for line in details:
        progress(f"    {line}")
    if end.refused:
        raise Refused(f"{work.spec.name} is refused: {reason}")
    raise Unusable(f"{work.spec.name} could not be built: {reason}")


def _print(work: "session.Session", end: "outcome.Outcome", watch: Watch, seconds: float) -> None:
    if end.verdicts:
        say()
        verdict_table(end.verdicts)
        say()
    if not watch.recomputed and end.deployment:
        say("Nothing has changed: no stage was computed again.")
    if end.release and end.deployment and not end.because:
        where = f"{work.spec.name} {end.release.version} is in {end.deployment.environment}"
        say(f"{where}: {counted(end.verdicts)}   ({seconds:.1f} s)")
    if not end.candidate:
        return
    say(f"  candidate  {end.candidate}")
    if end.page:
        say(f"  dossier    {end.page}")
    if any(verdict.criterion == "clean_tree" and verdict.value for verdict in end.verdicts):
        open_to_it = [e.name for e in in_force() if e.allows_dirty]
        say(f"  source     the working tree, with changes that no commit has: it stays in {', '.join(open_to_it)}")
    emulated = any(verdict.origin == "emulated" for verdict in end.verdicts)
    strict = [e.name for e in in_force() if "emulated" not in e.origins]
    if emulated and strict:
        say(f"  evidence   emulated on this machine's CPU: for {' and '.join(strict)} it must be measured on an NPU")
    if end.release and not end.because:
        name, version = work.spec.name, end.release.version
        say(f"  next       open the dossier; ascend show {name}/{version}; make ui; ascend preflight YOUR.onnx")
    elif any(not verdict for verdict in end.verdicts):
        say(f"  next       ascend diagnose {work.spec.name}; ascend run {work.spec.name} --repair")
