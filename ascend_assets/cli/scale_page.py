"""How a plan looks: tables on a terminal, one object for a script.

Here belong words and columns. Not here: any figure (`ascend_assets/scale`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ascend_assets.cli.console import say, table

if TYPE_CHECKING:
    from ascend_assets.scale.figures import Figure
    from ascend_assets.scale.in_cluster import InCluster
    from ascend_assets.scale.plan import Plan, Pool

_FIRST = 6
"""Ceilings that are shown although they are far."""


def show(found: "Plan", *, given: bool) -> None:
    """Print a plan. `given`: the cards were, so that waits are the answer."""
    _show_question(found)
    say()
    _show_pools("card", found.cards, found)
    say()
    _show_pools("slot", found.slots, found)
    say()
    _show_release(found, given=given)
    say()
    _show_pods(found)
    say()
    _show_storage(found)
    say()
    _show_ceilings(found)


def _show_question(found: "Plan") -> None:
    demand = found.demand
    again = (
        f"; retrainings of each a month: {_number(demand.retrainings_a_month)}" if demand.retrainings_a_month else ""
    )
    say(
        f"models: {demand.models:,}; commits a day: {_number(demand.commits_a_day)} within {demand.hours:g} h{again}; "
        f"candidates a day: {_number(demand.candidates_a_day)}"
    )
    say("targets of each: " + ", ".join(f"{count:g} {soc}" for soc, count in demand.targets.items()))
    for kind in found.kinds:
        times = ", ".join(f"in {ms:.3g} ms on {soc}" for soc, ms in kind.latency_ms.items())
        share = f"{kind.share:.0%} " if len(found.kinds) > 1 else ""
        say(f"model: {share}{kind.name}, {kind.onnx_bytes / 1e6:,.3g} MB, a batch of {kind.batch} {times} (emulated)")


def _show_pools(what: str, pools: "Sequence[Pool]", found: "Plan") -> None:
    table(
        (
            f"{what}s",
            "there",
            f"for {found.goal.utilisation:.0%}",
            f"for {found.goal.wait / 60:g} min",
            "held",
            "busy at peak",
            "over the day",
            "wait p50",
            "p95",
            "all models anew",
        ),
        [
            (
                pool.name,
                f"{pool.places:,}",
                f"{pool.sized.for_utilisation:,}",
                f"{pool.sized.for_wait:,}",
                _time(pool.sized.held.mean),
                f"{pool.at_peak:.0%}",
                f"{pool.over_the_day:.0%}",
                _time(pool.wait_p50),
                _time(pool.wait_p95),
                _time(pool.rebuild_hours * 3600),
            )
            for pool in pools
        ],
    )


def _show_release(found: "Plan", *, given: bool) -> None:
    played = found.played
    days = f"{played.days:,} simulated days" if played.days > 1 else "a simulated day"
    part = f", one candidate of {played.part} played" if played.part > 1 else ""
    say(
        f"from a commit to its release: {_time(found.release_p50)} for half of them, {_time(found.release_p95)} for "
        f"95 of 100 ({days} of {len(played.day.times):,} candidates{part}; {found.origin})"
    )
    late = [pool.name for pool in found.cards if pool.at_peak > 1]
    if late and given:
        say(
            f"{' and '.join(late)}: more work than cards while commits come; the last is done "
            f"{_time(played.last)} after the day's beginning"
        )


def _show_pods(found: "Plan") -> None:
    table(
        ("pods", "a day", "seconds each", "at once at peak", "cores", "GiB", "GiB of disk", "core hours a day"),
        [
            (
                stage.kind,
                _number(stage.pods_a_day),
                f"{stage.seconds:,.0f}",
                f"{stage.at_once:,.1f}",
                f"{stage.cpu:,.1f}",
                f"{stage.memory:,.1f}",
                f"{stage.disk:,.1f}",
                f"{stage.cpu_hours_a_day:,.0f}",
            )
            for stage in found.stages
        ],
    )
    say(
        f"all: {found.use.pods_a_day:,.0f} pods a day, at most {found.use.pods:,.0f} at once with "
        f"{found.played.cpu:,.0f} cores and {found.played.memory:,.0f} GiB; {found.use.runs:,.0f} runs at once"
    )
    say(
        f"disk (ephemeral storage): at most {found.played.disk:,.0f} GiB of all nodes at once; a step on a card asks "
        f"for up to {found.disk_of_card:,.3g} GiB,"
    )
    say("and where a node has less than that for each of its cards, cards stay idle")


def _show_storage(found: "Plan") -> None:
    table(("what piles up", "a month", "origin"), list(_storage(found)))
    say(
        f"code locations: {found.locations:,} of at most {found.models_per_location:,} models, "
        f"{found.locations_memory:,.1f} GiB; {found.storage.ticks_gb:,.2f} GB of ticks in PostgreSQL"
    )
    say(
        f"at the peak {_number(found.storage.rows_a_second)} rows a second into PostgreSQL, "
        f"{_number(found.storage.moved_mb_a_second)} MB a second between pods and the store"
    )


def _storage(found: "Plan") -> Iterator[tuple[str, str, str]]:
    kept = found.storage
    yield "rows in PostgreSQL", f"{kept.rows_a_month:,.0f}", "measured"
    yield "GB in PostgreSQL", f"{kept.database_gb_a_month:,.2f}", "measured"
    yield "objects in the store", f"{kept.objects_a_month:,.0f}", "measured"
    yield "GB in the store", f"{kept.store_gb_a_month:,.1f}", "assumed"
    yield "objects that stay after store gc", f"{kept.kept_objects_a_month:,.0f}", "assumed"
    yield "GB that stay after store gc", f"{kept.kept_gb_a_month:,.1f}", "assumed"


def _show_ceilings(found: "Plan") -> None:
    shown = [c for place, c in enumerate(found.ceilings) if place < _FIRST or c.reached >= 1]
    table(
        ("what gives way first", "needs", "limit", "", "at models", "origin", "then"),
        [
            (
                ceiling.what,
                _number(ceiling.needs),
                _number(ceiling.limit),
                ceiling.unit,
                _models(ceiling.models(found.demand.models)),
                ceiling.origin,
                ceiling.then,
            )
            for ceiling in shown
        ],
        wrap=6,
    )
    beyond = [ceiling for ceiling in found.ceilings if ceiling.reached > 1]
    if beyond:
        say(f"beyond its limit as shipped: {len(beyond)} of {len(found.ceilings)}; the last column says what moves it")


def show_figures(there: "InCluster") -> None:
    """Print every figure behind a plan, and where it is from."""
    say()
    table(
        ("figure", "value", "unit", "origin", "source"),
        [(name, f"{f.value:,.10g}", f.unit, f.origin, f.source) for name, f in _figures(there)],
        wrap=4,
    )


def _figures(there: "InCluster") -> "Iterator[tuple[str, Figure]]":
    for group, figures in there.overheads:
        if group != "run_pod":
            yield from ((f"{group}.{name}", figure) for name, figure in figures)


def as_json(found: "Plan", there: "InCluster") -> dict[str, Any]:
    """A plan as one object, with the figures that it was computed from."""
    held = {
        pool.name: {
            "places": pool.places,
            "for_utilisation": pool.sized.for_utilisation,
            "for_wait": pool.sized.for_wait,
            "held_seconds": pool.sized.held.mean,
            "busy_at_peak": pool.at_peak,
            "busy_over_the_day": pool.over_the_day,
            "wait_seconds": {"p50": pool.wait_p50, "p95": pool.wait_p95},
            "rebuild_hours": pool.rebuild_hours,
        }
        for pool in (*found.cards, *found.slots)
    }
    return {
        "demand": {**asdict(found.demand), "candidates_a_day": found.demand.candidates_a_day},
        "models": [{**asdict(kind), "origin": "emulated"} for kind in found.kinds],
        "cards": {pool.name: held[pool.name] for pool in found.cards},
        "slots": {pool.name: held[pool.name] for pool in found.slots},
        "release_seconds": {"p50": found.release_p50, "p95": found.release_p95},
        "pods": [asdict(stage) for stage in found.stages],
        "at_once": {
            "pods": found.use.pods,
            "runs": found.use.runs,
            "cores": found.played.cpu,
            "memory_gib": found.played.memory,
            "disk_gib": found.played.disk,
            "disk_gib_of_card": found.disk_of_card,
        },
        "storage": asdict(found.storage),
        "code_locations": {"count": found.locations, "models_of_each": found.models_per_location},
        "ceilings": [{**asdict(ceiling), "reached": ceiling.reached} for ceiling in found.ceilings],
        "simulated": {
            "candidates": len(found.played.day.times),
            "one_of": found.played.part,
            "days": found.played.days,
        },
        "origin": found.origin,
        "figures": {name: figure.model_dump(mode="json") for name, figure in _figures(there)},
    }


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - no more than is known


def _models(count: float) -> str:
    """How many models it takes: in two digits, for it is no more exact."""
    if not math.isfinite(count) or count >= 1e9:  # noqa: PLR2004 - more than anybody has
        return "-"
    return f"{float(f'{count:.2g}'):,.0f}"


def _time(seconds: float) -> str:
    """Seconds as a person says them."""
    if not math.isfinite(seconds):
        return "-"
    if seconds < 100:  # noqa: PLR2004 - s, then min, then h
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"  # noqa: PLR2004
