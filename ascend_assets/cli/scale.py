"""`ascend scale plan`: what a fleet of models needs in a cluster, on paper.

Here belong the options and what they are made into. Not here: the plan (`ascend_assets/scale`), reading models and
lists (`scale_inputs.py`), how it looks (`scale_page.py`).
"""

import time
from pathlib import Path

import click

from ascend_assets.cli import options, scale_inputs, scale_page
from ascend_assets.cli.bounds import bounded
from ascend_assets.cli.console import Unusable, print_json, progress, refusing
from ascend_assets.cli.scale_inputs import Finite

_SECONDS = 600.0
_QUIET = 2.0
"""Seconds without a word; afterwards one line in so many."""


@click.group()
def scale() -> None:
    """What many models need."""


@scale.command("plan")
@click.option("--models", required=True, type=click.IntRange(1, 1_000_000), help="How many.")
@click.option("--commits-a-day", required=True, type=Finite(0), metavar="N", help="Commits of all models together.")
@click.option(
    "--models-per-commit",
    type=Finite(0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="N",
    help="Models that a commit builds anew.",
)
@click.option(
    "--retrainings",
    type=Finite(0),
    default=0.0,
    show_default=True,
    metavar="N",
    help="A month, of each model, at any hour.",
)
@click.option(
    "--hours",
    type=Finite(0, 24, min_open=True),
    default=10.0,
    show_default=True,
    help="Of the day in which commits come.",
)
@click.option(
    "--targets",
    metavar="SOC[=N],...",
    default="",
    callback=scale_inputs.targets,
    help="Of each model: SoC versions, and how many targets; 0.5 is every second model. Those of the models here.",
)
@click.option(
    "--model",
    default="",
    metavar="MODEL",
    help="An ONNX file or a released model for the typical one; ResNet-50 without it.",
)
@click.option("--mix", type=click.Path(path_type=Path), metavar="FILE.yaml", help="Several kinds of models.")
@click.option(
    "--batch", type=click.IntRange(1, 4096), help="Of --model, where its inputs leave it open; 16 without it."
)
@click.option(
    "--cards",
    metavar="SOC=N,...",
    default="",
    callback=scale_inputs.cards,
    help="The other question: how long one waits with so many cards.",
)
@click.option(
    "--utilisation",
    type=Finite(0.01, 0.99),
    default=0.7,
    show_default=True,
    help="Share of the cards that is busy at the peak, at most.",
)
@click.option(
    "--wait",
    type=Finite(0, 100_000),
    default=10.0,
    show_default=True,
    metavar="MINUTES",
    help="For a card, at most, of 95 in 100 steps.",
)
@scale_inputs.own_figures
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Of the simulated day.")
@click.option("--figures", is_flag=True, help="Also every figure behind the plan, and where it is from.")
@options.as_json
def plan(  # noqa: PLR0913 - one parameter per option
    *,
    models: int,
    commits_a_day: float,
    models_per_commit: float,
    retrainings: float,
    hours: float,
    targets: dict[str, float],
    model: str,
    mix: Path | None,
    batch: int | None,
    cards: dict[str, int],
    utilisation: float,
    wait: float,
    seed: int,
    figures: bool,
    as_json: bool,
    **own: float | None,
) -> None:
    """What a number of models needs in a cluster: cards, pods, storage, hours, and what gives way first.

    \b
    ascend scale plan --models 100 --commits-a-day 200
    ascend scale plan --models 1000 --commits-a-day 500 --targets Ascend310P3,Ascend910B3=0.3 --model resnet50.onnx
    ascend scale plan --models 1000 --commits-a-day 500 --targets Ascend310P3 --cards Ascend310P3=4

    Nothing is measured: a plan is computed, and a day is simulated. Every figure says where it is from.
    Exit code 1: the given cards cannot do a day's work in a day.
    """  # noqa: D301 - the backspace tells click to keep the lines
    from ascend_assets.scale import plan as work
    from ascend_assets.scale.demand import BadDemand, Demand
    from ascend_assets.scale.pools import Goal, TooFew
    from ascend_assets.scale.queueing import TooMany

    if model and mix:
        raise click.UsageError("--model and --mix exclude each other: a mix names its models")
    targets = targets or scale_inputs.targets_here()
    if cards and cards.keys() != targets.keys():
        raise click.UsageError(f"--cards: give how many of each: {', '.join(targets)}")
    there = scale_inputs.figures_in_force(own)
    with bounded(_SECONDS, "give fewer or smaller models"), refusing(TooFew, as_json=as_json):
        try:
            demand = Demand(models, targets, commits_a_day, models_per_commit, retrainings, hours)
            kinds = scale_inputs.kinds(model, mix, batch, tuple(targets))
            goal = Goal(utilisation, wait * 60)
            found = work.plan(demand, kinds, there, goal=goal, cards=cards, seed=seed, say=_Progress(silent=as_json))
        except (BadDemand, TooMany) as error:
            raise Unusable(str(error)) from error
    if as_json:
        print_json(scale_page.as_json(found, there))
        return
    scale_page.show(found, given=bool(cards))
    if figures:
        scale_page.show_figures(there)


class _Progress:
    """Says how far a long simulation is."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._said = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        if not self._silent and time.monotonic() - self._said > _QUIET:
            self._said = time.monotonic()
            progress(f"  simulated {done:,} of {of:,} candidates ...")
