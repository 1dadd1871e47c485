"""`ascend notices`: what people were told or are to be told, and a test of a channel.

Here belong options and tables. Read only, but for the test message. Not here: telling (`sensors/notices.py`).
"""

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import Refused, Unusable, print_json, say, table

if TYPE_CHECKING:
    from ascend_assets.triggers import Channel, Triggers
    from resources.notify.notice import Notice
    from resources.notify.outbox import Line, Outbox

_SHOWN = 30


@click.command(short_help="Show what people were told or are to be told; try a channel.")
@click.option("--test", metavar="CHANNEL", help="Send a test message to this channel of triggers.yaml, now.")
@click.option("--limit", default=_SHOWN, show_default=True, type=click.IntRange(1, 10_000), help="Notices to show.")
@options.as_json
def notices(*, test: str | None, limit: int, as_json: bool) -> None:
    """Show channels, troubles that go on, and the latest notices with who was told.

    Exit code 1: a channel cannot be used, or the test message did not arrive.
    """
    from ascend_assets import triggers_file

    settings = triggers_file.in_force()
    if test is not None:
        _try(settings, test, as_json=as_json)
        return
    _list(settings, limit, as_json=as_json)


def _try(settings: "Triggers", name: str, *, as_json: bool) -> None:
    from ascend_assets.notices import grouping, wording
    from resources.notify import channels, post
    from resources.notify.notice import notice

    channel = next((one for one in settings.notices.channels if one.name == name), None)
    if channel is None:
        known = ", ".join(one.name for one in settings.notices.channels) or "none"
        raise Unusable(f"no channel {name!r} in triggers.yaml; there are: {known}")
    now = time.time()
    told = notice("test", "info", "happened", name, cause=f"{now}", at=now, facts={"channel": name})
    message = grouping.Message("happened", (told,))
    title, body = wording.written(message, channel.language, settings.notices.dagster_url)
    posted = post.Message(id=message.id, severity="info", title=title, body=body)
    (result,) = channels.deliver([channels.Errand(name, channel.url_env, (posted,))])
    if as_json:
        print_json({"channel": name, "arrived": not result.why, "why": result.why})
    if result.why:
        raise Refused(f"{name}: {result.why}")
    if not as_json:
        say(f"{name} took the test message")


def _list(settings: "Triggers", limit: int, *, as_json: bool) -> None:
    from ascend_assets.notices import telling
    from resources.notify import outbox

    box = outbox.peek(telling.folder())
    states = [_channel(one, box) for one in settings.notices.channels]
    latest = box.notices[::-1][:limit]
    if as_json:
        print_json(
            {
                "channels": states,
                "standing": [notice.model_dump(mode="json") for notice in box.standing.values()],
                "notices": [{**n.model_dump(mode="json"), "told": _told(n, box)} for n in latest],
            }
        )
    else:
        _show(states, box, latest)
    unusable = [str(one["channel"]) for one in states if one["trouble"]]
    if unusable:
        raise Refused(f"{len(unusable)} of {len(states)} channels cannot be used: {', '.join(unusable)}")


def _channel(channel: "Channel", box: "Outbox") -> dict[str, Any]:
    from resources.notify import channels
    from resources.notify.outbox import Line

    line = box.lines.get(channel.name) or Line(done=frozenset(n.id for n in box.notices))
    missing = "" if channels.address_of(channel.url_env, os.environ) else channels.missing(channel.url_env)
    return {
        "channel": channel.name,
        "language": channel.language,
        "waiting": _waiting(line, box),
        "dropped": line.dropped,
        "failures": line.failures,
        "trouble": line.why or missing or channels.check(channel.url_env),
    }


def _waiting(line: "Line", box: "Outbox") -> int:
    return sum(notice.id not in line.done for notice in box.notices)


def _told(notice: "Notice", box: "Outbox") -> list[str]:
    return [name for name, line in box.lines.items() if notice.id in line.done]


def _show(states: "Sequence[dict[str, Any]]", box: "Outbox", latest: "Sequence[Notice]") -> None:
    from ascend_assets.notices.wording import moment

    if not states:
        say("no channel is set up: see docs/notices.md")
    else:
        table(
            ("channel", "language", "waiting", "dropped", "trouble"),
            [
                (s["channel"], s["language"], str(s["waiting"]), str(s["dropped"]), s["trouble"] or "none")
                for s in states
            ],
            wrap=4,
        )
    for notice in box.standing.values():
        say(f"goes on since {moment(notice.at)}: {_headline(notice)}")
    if not latest:
        say("nothing has happened that anybody should hear of")
        return
    table(
        ("when", "severity", "state", "what", "dealt with"),
        [(moment(n.at), n.severity, n.state, _headline(n), ", ".join(_told(n, box)) or "-") for n in latest],
        wrap=3,
    )


def _headline(notice: "Notice") -> str:
    from ascend_assets.notices.kinds import TEXTS
    from ascend_assets.notices.wording import filled

    text = TEXTS["en"].get(notice.kind)
    return filled(text, notice, over=notice.state == "over").title if text else f"{notice.kind} {notice.subject}"
