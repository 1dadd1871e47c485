"""`ascend stale`: which compiled models another toolchain made than the one in force, and building them again.

Here belong options, the table, and following the rebuilds. Not here: the judgement (`operations/stale.py`), or how a
candidate is built (`session.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import Refused, Unusable, print_json, progress, say, table
from ascend_assets.cli.tools import registry_tools

if TYPE_CHECKING:
    from ascend_assets.operations.stale import Freshness
    from resources.ascend.toolchain import ToolchainIdentity


@dataclass(frozen=True)
class Found:
    """What was judged, what could not be read, and the toolchain in force."""

    now: "ToolchainIdentity"
    judged: "tuple[Freshness, ...]"
    troubles: tuple[str, ...]

    @property
    def stale(self) -> int:
        """How many compiled models are stale."""
        return sum(one.state == "stale" for one in self.judged)

    def as_json(self) -> dict[str, Any]:
        """All of it as a JSON object."""
        return {
            "toolchain": self.now.model_dump(mode="json"),
            "stale": self.stale,
            "compiled": [
                {
                    "model": one.compiled.model,
                    "target": one.compiled.target,
                    "where": one.compiled.where,
                    "name": one.compiled.name,
                    "state": one.state,
                    "why": one.why,
                    "toolchain": one.compiled.toolchain.model_dump(mode="json"),
                }
                for one in self.judged
            ],
            "not_read": list(self.troubles),
        }


@click.command(short_help="List compiled models that another toolchain made; build them again.")
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@click.option("--rebuild", is_flag=True, help="Build a candidate of every stale model, as `ascend run MODEL` does.")
@options.dry_run
@options.as_json
def stale(*, names: tuple[str, ...], rebuild: bool, dry_run: bool, as_json: bool) -> None:
    """List the compiled models of candidates and live releases, and whether the toolchain in force here made them.

    `stale`: another version of it did, as after an upgrade of CANN. `foreign`: another toolchain did, which only a
    machine that has it can rebuild. With --rebuild, stale models are built from what is checked out and carried to the
    first environment, no further. Exit code 1: something is stale, or a rebuild was refused.
    """
    from ascend_assets.operations.stale import to_rebuild

    if dry_run and not rebuild:
        raise Unusable("--dry-run goes with --rebuild: without it nothing is built")
    found = _look(names)
    wanted = to_rebuild(found.judged)
    if rebuild and not dry_run:
        _rebuild(found, wanted, as_json=as_json)
        return
    if as_json:
        print_json({**found.as_json(), "to_rebuild": list(wanted)})
    else:
        _show(found)
        if wanted:
            say(f"{'would build' if dry_run else 'to build'} again: {', '.join(wanted)}")
    if found.stale and not rebuild:
        raise Refused(f"{found.stale} of {len(found.judged)} compiled models are stale: ascend stale --rebuild")


def _look(names: Sequence[str]) -> Found:
    """Judge everything, or these models and bundles. Raises `Unusable` for one that there is not."""
    from ascend_assets import freshness, models
    from ascend_assets.cli import session
    from resources.registry.bundles import Bundles

    tools = registry_tools()
    good, bad = models.load_all(models.DEFS)
    every = {*good, *bad, *Bundles(tools.registry.store).names()}
    unknown = sorted(set(names) - every)
    if unknown:
        raise Unusable(f"no model {unknown[0]!r}; there are: {', '.join(sorted(every)) or 'none'}")
    wanted = set(names) or every
    with session.instance() as instance:
        specs = [spec for name, spec in sorted(good.items()) if name in wanted]
        judged, troubles = freshness.everything(instance, tools, specs, sorted(wanted))
    unread = [
        f"{name}: its file cannot be used, so its candidate was not looked at" for name in sorted(wanted & {*bad})
    ]
    return Found(tools.toolchain.describe(), judged, (*troubles, *unread))


def _show(found: Found) -> None:
    for trouble in found.troubles:
        progress(f"  not read: {trouble}")
    if not found.judged:
        say("nothing is compiled yet: ascend run MODEL")
        return
    rows = [
        (one.state, one.compiled.model, one.compiled.target, one.compiled.where, one.compiled.name, one.why)
        for one in found.judged
    ]
    table(("state", "model", "target", "where", "what", "why"), rows, wrap=5)


def _rebuild(found: Found, models: Sequence[str], *, as_json: bool) -> None:
    """Build every one of them; what is refused of one stops no other. Raises `Refused`, `Unusable` at the end."""
    ended = [_built(name, as_json=as_json) for name in models]
    if as_json:
        print_json({"toolchain": found.now.model_dump(mode="json"), "rebuilt": [one.told for one in ended]})
    elif not models:
        say("nothing is stale that can be built here")
    bad = [one for one in ended if one.error]
    if bad:
        words = "; ".join(f"{one.model}: {one.error}" for one in bad)
        raise (Refused if any(one.refused for one in bad) else Unusable)(f"not built: {words}")


@dataclass(frozen=True)
class Built:
    """How one rebuild ended. `error` says why it did not reach the first environment."""

    model: str
    told: dict[str, Any]
    error: str = ""
    refused: bool = False


def _built(model: str, *, as_json: bool) -> Built:
    from ascend_assets.cli import outcome, session
    from ascend_assets.cli.run_command import Watch, report
    from ascend_assets.models import BadModel
    from ascend_assets.progress import listening
    from resources.locks import ModelBusy

    told: dict[str, Any] = {"model": model}
    try:
        with session.opened(model, "") as work:
            watch = Watch(quiet=as_json)
            if not as_json:
                progress(f"{model}: what is checked out, compiled again")
            begin = time.monotonic()
            with listening(watch):
                ended = work.execute(f"{model}_candidate", "compiled again: the toolchain is another one")
            end = outcome.of(work, ended, watch.verdicts, anew=True)
            told |= end.as_json()
            if as_json:
                return Built(model, told, end.because, end.refused)
            report(work, end, watch, time.monotonic() - begin, as_json=False)
    except Refused as error:
        return Built(model, told, str(error), refused=True)
    except (Unusable, BadModel, ModelBusy) as error:
        return Built(model, {**told, "because": str(error)}, str(error))
    return Built(model, told)
