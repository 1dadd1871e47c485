"""The tables of docs/scale.md, made by the command that they are about.

    python tests/support/scale_doc.py          # write them anew

Here belong finding them in the page and making them. What a figure means is said in the page itself, by hand.
"""

import contextlib
import io
import json
import os
import re
import shlex
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from unittest import mock

from ascend_assets.cli import commands
from resources.home import PROJECT

PAGE = PROJECT / "docs" / "scale.md"
COLUMNS = 118
_SHOWN = re.compile(r"^```console\n\$ (ascend scale plan [^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMPARED = re.compile(r"<!-- (needs|limits) of each: (ascend scale plan [^\n]*) -->\n\n(.*?)\n\n", re.DOTALL)
SIZES: tuple[tuple[int, int], ...] = ((10, 10), (100, 100), (1_000, 1_000), (10_000, 10_000), (10_000, 125_000))
"""Models, and commits a day of them all."""


def made_anew(text: str) -> str:
    """The page with every table as the command prints it now."""
    shown = _SHOWN.sub(lambda found: f"```console\n$ {found[1]}\n{printed(found[1])}```", text)
    return _COMPARED.sub(
        lambda found: f"<!-- {found[1]} of each: {found[2]} -->\n\n{compared(found[2], _COLUMNS[found[1]])}\n\n", shown
    )


def tables(text: str) -> int:
    """How many tables a page has that are made."""
    return len(_SHOWN.findall(text)) + len(_COMPARED.findall(text))


def printed(command: str) -> str:
    """What a command line prints, in a terminal of a fixed width."""
    out = io.StringIO()
    # A cluster of one's own has other sizes; the page is about the one that ships.
    there = {name: value for name, value in os.environ.items() if name != "ASCEND_CLUSTER"}
    with (
        mock.patch.dict(os.environ, {**there, "COLUMNS": str(COLUMNS)}, clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        code = commands.run(shlex.split(command)[1:])
    if code:
        raise RuntimeError(f"{command}: exit code {code}")
    return out.getvalue()


def compared(command: str, column: "Column") -> str:
    """A table with a column per size. `command`: what is asked of each, without models and commits."""
    plans = [_plan(f"{command} --models {models} --commits-a-day {commits} --json") for models, commits in SIZES]
    rows = [("", *(f"{m:,} models, {c:,} commits a day" for m, c in SIZES)), ("---",) * (1 + len(SIZES))]
    columns = [column(plan) for plan in plans]
    rows += [(name, *(column[name] for column in columns)) for name in columns[-1]]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)


@cache
def _plan(command: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed(command))
    return found


def _needs(plan: Mapping[str, Any]) -> dict[str, str]:
    cards, stored = plan["cards"], plan["storage"]
    return {
        **{f"cards {soc}": f"{found['places']:,}" for soc, found in cards.items()},
        "busy over the day": " and ".join(f"{found['busy_over_the_day']:.0%}" for found in cards.values()),
        "all models anew, hours": f"{max(found['rebuild_hours'] for found in cards.values()):.1f}",
        "compilations, exports at once": ", ".join(f"{found['places']:,}" for found in plan["slots"].values()),
        "commit to release, p50 and p95 in min": " and ".join(
            f"{plan['release_seconds'][share] / 60:.0f}" for share in ("p50", "p95")
        ),
        "pods a day": f"{sum(stage['pods_a_day'] for stage in plan['pods']):,.0f}",
        "pods, runs at once": f"{plan['at_once']['pods']:,.0f}, {plan['at_once']['runs']:,.0f}",
        "cores, GiB at once": f"{plan['at_once']['cores']:,.0f}, {plan['at_once']['memory_gib']:,.0f}",
        "GiB of nodes' disk at once": f"{plan['at_once']['disk_gib']:,.0f}",
        "code locations": f"{plan['code_locations']['count']:,}",
        "PostgreSQL, GB a month": f"{stored['database_gb_a_month']:,.1f}",
        "PostgreSQL, rows a second": f"{stored['rows_a_second']:,.1f}",
        "store, TB a month made": f"{stored['store_gb_a_month'] / 1000:,.2f}",
        "store, TB a month that stay": f"{stored['kept_gb_a_month'] / 1000:,.2f}",
        "store, MB a second moved": f"{stored['moved_mb_a_second']:,.1f}",
    }


def _limits(plan: Mapping[str, Any]) -> dict[str, str]:
    """How many times a limit is reached, the furthest beyond first."""
    return {one["what"]: _times(one["reached"]) for one in plan["ceilings"]}


def _times(reached: float) -> str:
    text = f"{reached:,.0f}" if reached >= 10 else f"{reached:.2g}" if reached >= 0.01 else "0"
    return f"**{text}**" if reached > 1 else text


Column = Callable[[Mapping[str, Any]], dict[str, str]]
_COLUMNS: Mapping[str, Column] = {"needs": _needs, "limits": _limits}


def main() -> None:
    """Write the page."""
    PAGE.write_text(made_anew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
