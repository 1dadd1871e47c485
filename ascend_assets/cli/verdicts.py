"""The table of verdicts: what is refused comes first and in full, what passed in a line each.

Here belongs the order and the layout. Not here: what a verdict says, or what follows from it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ascend_assets.cli.console import clean, number, say, show, width
from ascend_assets.gates.verdict import Verdict, holds
from ascend_assets.policy_file import in_force

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {"refused": "bold red", "open": "yellow", "pass": ""}
_TARGET_COLUMNS, _FOR_LIMITS, _FOR_WHY = 13, 72, 92
"""Columns of a terminal that a target's name takes, and from which on there is room for limits and for sentences."""


def state(verdict: Verdict) -> str:
    """What dev says to a verdict: `pass`, `refused`, or `open` for what nobody could judge and dev can live with."""
    if not verdict:
        return "refused"
    return "pass" if verdict.judged else "open"


def counted(verdicts: Sequence[Verdict]) -> str:
    """`17 pass, 0 refused, 1 open`."""
    states = [state(verdict) for verdict in verdicts]
    return ", ".join(f"{states.count(word)} {word}" for word in ("pass", "refused", "open"))


def verdict_table(verdicts: Sequence[Verdict]) -> None:
    """Every verdict: refused, then open, then passed; within each in the order of the walk."""
    from rich.padding import Padding
    from rich.text import Text

    several = _several(verdicts)
    parts: list[RenderableType] = []
    for word in ("refused", "open"):
        for verdict, why in _without_repeats([v for v in verdicts if state(v) == word]):
            head = f"{word:8} {_title(verdict, several=several)}  {number(verdict.value)}  ({_bounds(verdict)})"
            parts += [Text(clean(head), style=_STYLES[word]), Padding(Text(clean(why)), (0, 0, 0, 9))]
    passed = [verdict for verdict in verdicts if state(verdict) == "pass"]
    if passed:
        parts.append(_passed(passed, several=several))
    if parts:
        show(*parts)


def _several(verdicts: Sequence[Verdict]) -> bool:
    """Whether a target's name tells anything."""
    return len({verdict.target for verdict in verdicts if verdict.target}) > 1


def _title(verdict: Verdict, *, several: bool) -> str:
    return f"{verdict.criterion}{f' on {verdict.target}' if several and verdict.target else ''}"


def _passed(verdicts: Sequence[Verdict], *, several: bool) -> "RenderableType":
    """One line each; what does not fit of a sentence is in the dossier and in --json."""
    from rich.table import Table
    from rich.text import Text

    columns = _columns(several=several)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand="why" in columns, header_style="")
    for header in columns:
        last = header == "why"
        grid.add_column(header, no_wrap=True, overflow="ellipsis" if last else "fold", ratio=1 if last else None)
    for verdict in verdicts:
        cells = {
            "": "pass",
            "criterion": verdict.criterion,
            "target": verdict.target or "-",
            "value": number(verdict.value),
            "limit": _bounds(verdict),
            "admits": _admits(verdict),
            "why": verdict.why,
        }
        grid.add_row(*(Text(clean(cells[header])) for header in columns))
    return grid


def _columns(*, several: bool) -> tuple[str, ...]:
    """What there is room for; the name and the figure stay."""
    first = ("", "criterion", *(("target",) if several else ()), "value")
    room = width() - _TARGET_COLUMNS * several
    if room < _FOR_LIMITS:
        return first
    return (*first, "limit", "admits", "why") if room >= _FOR_WHY else (*first, "limit", "admits")


def _admits(verdict: Verdict) -> str:
    return "all" if set(in_force().names) <= set(verdict.admits) else ", ".join(verdict.admits)


def _without_repeats(verdicts: Iterable[Verdict]) -> Iterator[tuple[Verdict, str]]:
    """Each verdict with its sentence, less what an earlier one about the same target has said word for word.

    One overflow fails seven criteria, and each of them names the layer.
    """
    said: dict[str, set[str]] = {}
    for verdict in verdicts:
        before = said.setdefault(verdict.target, set())
        head, *rest = verdict.why.split(". ")
        fresh = [sentence for sentence in rest if sentence.rstrip(".") not in before]
        before.update(sentence.rstrip(".") for sentence in rest)
        yield verdict, ". ".join((head, *fresh))


def _bounds(verdict: Verdict) -> str:
    """The limits, once where every environment has the same."""
    values = [f"{verdict.limits[name]:g}" for name in in_force().names]
    return f"{verdict.sense} {values[0] if len(set(values)) == 1 else ' / '.join(values)}"


def say_beyond(verdicts: Sequence[Verdict]) -> None:
    """Say which values dev takes and a later environment's limit would not, whatever the evidence's origin."""
    several = _several(verdicts)
    for verdict in verdicts:
        if not verdict or verdict.value is None:
            continue
        value = verdict.value
        beyond = [name for name in in_force().names if not holds(value, verdict.sense, verdict.limits[name])]
        if beyond:
            title = _title(verdict, several=several)
            say(f"beyond the limit of {' and '.join(beyond)}: {title} {number(value)}  ({_bounds(verdict)})")
