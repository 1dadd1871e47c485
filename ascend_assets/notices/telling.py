"""One round of telling: what each channel is due is sent, and what came of it is kept.

Here belongs the order of effects, by which a crash at any point loses nothing: what is to be sent is kept first, then
it is sent, then it is kept as sent. A crash in between sends once more, and says that it may. Not here: what is due
(`grouping.py`), or how it is sent (`resources/notify/channels.py`).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ascend_assets.notices import grouping, wording
from ascend_assets.notices.grouping import Message, Plan, Rules
from ascend_assets.triggers import Channel, Notices
from resources.home import home
from resources.notify import channels, outbox, post
from resources.notify.channels import Errand, Result
from resources.notify.notice import Notice, notice
from resources.notify.outbox import Line, Outbox

Deliver = Callable[[Sequence[Errand]], tuple[Result, ...]]

_WELL_FORMED: set[tuple[str, str]] = set()
"""Variables and addresses that this process has found to be usable: each is looked at once, before there is news."""


@dataclass(frozen=True)
class Round:
    """What one round did. `sent`: messages that arrived. `waiting`: channels with something to send, and why not now.

    `troubles`: channel -> why nothing arrives there.
    """

    sent: int
    troubles: dict[str, str]


def folder() -> Path:
    """Where the outbox is."""
    return home().state / "notices"


def rules(channel: Channel, settings: Notices) -> Rules:
    """How a channel is told, by the settings."""
    return Rules(
        channel=channel.name,
        about=frozenset(channel.about),
        at_least=channel.at_least,
        group_seconds=float(settings.group_seconds),
        repeat_seconds=settings.repeat_hours * 3600.0,
        at_most_per_hour=settings.at_most_per_hour,
    )


def tell(
    place: Path, box: Outbox, settings: Notices, now: float, deliver: Deliver = channels.deliver
) -> tuple[Outbox, Round]:
    """Keep the outbox, send what is due, and keep what came of it. `now`: unix seconds. Raises `OSError`.

    Without channels everything is kept and nothing sent.
    """
    box = outbox.for_channels(box, [channel.name for channel in settings.channels])
    plans = {c.name: grouping.plan(box, box.lines[c.name], rules(c, settings), now) for c in settings.channels}
    box = _with(box, {name: _quiet(box.lines[name], plan) for name, plan in plans.items()})
    errands = _errands(box, settings, plans, now)
    sending = {e.channel: grouping.names(plans[e.channel].messages) for e in errands}
    box = _with(box, {name: box.lines[name].model_copy(update={"sending": ids}) for name, ids in sending.items()})
    box = outbox.forget(box)
    outbox.write(place, box)
    if not errands:
        return box, Round(0, _troubles(box))
    results = deliver(errands)
    lines = {r.channel: after(box.lines[r.channel], plans[r.channel], r, now) for r in results}
    box = outbox.add(_with(box, lines), _channels(lines, box.standing, now), now)
    box = outbox.forget(box)
    outbox.write(place, box)
    _remember(errands, results)
    return box, Round(sum(len(r.taken - {""}) for r in results), _troubles(box))


def after(line: Line, plan: Plan, result: Result, now: float) -> Line:
    """A channel's line after an errand: what arrived is told, and a failure makes a pause."""
    for message in plan.messages:
        if message.id in result.taken:
            line = grouping.taken(line, message, now)
    return grouping.failed(line, result.why, now) if result.why else grouping.went_well(line)


def _errands(box: Outbox, settings: Notices, plans: Mapping[str, Plan], now: float) -> list[Errand]:
    """What is sent in this round, to those that waited longest: no more than are served at once."""
    found = []
    for channel in sorted(settings.channels, key=lambda c: _turn(box.lines[c.name])):
        plan = plans[channel.name]
        if grouping.may_try(box.lines[channel.name], now) and (plan.messages or not _is_known(channel)):
            posted = tuple(_posted(message, channel, settings.dagster_url) for message in plan.messages)
            found.append(Errand(channel.name, channel.url_env, posted))
    return found[: channels.AT_ONCE]


def _turn(line: Line) -> tuple[float, float]:
    """Who is not in trouble comes first, and among those who was served longest ago."""
    return line.not_before, line.sent[-1] if line.sent else 0.0


def _posted(message: Message, channel: Channel, dagster_url: str | None) -> post.Message:
    title, body = wording.written(message, channel.language, dagster_url)
    return post.Message(id=message.id, severity=message.severity, title=title, body=body)


def _quiet(line: Line, plan: Plan) -> Line:
    return line.model_copy(update={"done": line.done | plan.quiet}) if plan.quiet else line


def _with(box: Outbox, lines: Mapping[str, Line]) -> Outbox:
    return box.model_copy(update={"lines": {**box.lines, **lines}})


def _troubles(box: Outbox) -> dict[str, str]:
    return {name: line.why for name, line in box.lines.items() if line.failures}


def _channels(lines: Mapping[str, Line], standing: Mapping[str, Notice], now: float) -> list[Notice]:
    """Which channels are down and which work again, to be told through the others."""
    found = []
    for name, line in lines.items():
        facts = {"channel": name, "times": str(line.failures), "why": line.why}
        if line.failures >= grouping.DOWN_AFTER:
            found.append(
                notice("channel_down", "warning", "begun", name, cause=f"{line.since:.3f}", at=line.since, facts=facts)
            )
        elif not line.failures:
            known = standing.get(f"channel_down {name}")
            cause = known.id if known else ""
            found.append(notice("channel_down", "warning", "over", name, cause=cause, at=now))
    return found


def _is_known(channel: Channel) -> bool:
    return (channel.url_env, channels.address_of(channel.url_env, os.environ)) in _WELL_FORMED


def _remember(errands: Sequence[Errand], results: Sequence[Result]) -> None:
    for errand, result in zip(errands, results, strict=True):
        if not result.why:
            _WELL_FORMED.add((errand.variable, channels.address_of(errand.variable, os.environ)))
