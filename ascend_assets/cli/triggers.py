"""`ascend triggers`: what starts by itself here, when it was asked last, and what is wrong with it.

Here belong options and the table. Not here: what is gathered (`ascend_assets/trigger_states.py`).
"""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import Refused, print_json, progress, say, table

if TYPE_CHECKING:
    from ascend_assets.trigger_states import Installation

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600


@click.command(short_help="List what starts by itself, and whether it works.")
@click.option("--check", is_flag=True, help="Exit code 1 if the daemon or a trigger has stopped or is in trouble.")
@options.as_json
def triggers(*, check: bool, as_json: bool) -> None:
    """List what starts by itself: each trigger, when it was asked last, and what it said.

    No trigger can tell that its own daemon is dead. So let something outside of it call `ascend triggers --check` every
    few minutes, such as cron with a mail, or a systemd timer with OnFailure.
    """
    from ascend_assets import trigger_states
    from ascend_assets.cli import session
    from ascend_assets.definitions import build_defs

    repository = build_defs().get_repository_def()
    now = time.time()
    with session.instance() as instance:
        found = trigger_states.look(instance, repository, now)
    if as_json:
        print_json(_as_json(found, now))
    else:
        _show(found, now)
    if check and found.wrong:
        raise Refused("; ".join(found.wrong))


def _as_json(found: "Installation", now: float) -> dict[str, Any]:
    return {
        "well": not found.wrong,
        "wrong": list(found.wrong),
        "heartbeat_age": None if found.heartbeat is None else now - found.heartbeat,
        "stopped": [asdict(one) for one in found.stopped],
        "triggers": [{**asdict(one), "age": now - one.last if one.last else None} for one in found.triggers],
    }


def _show(found: "Installation", now: float) -> None:
    beat = f"sign of life {_age(now - found.heartbeat)} ago" if found.heartbeat is not None else "never ran here"
    say(f"daemon   {beat}")
    rows = [
        (one.name, one.word, _age(one.every), f"{_age(now - one.last)} ago" if one.last else "never", one.why)
        for one in found.triggers
    ]
    table(("trigger", "state", "every", "asked", "said"), rows, wrap=4)
    for line in found.wrong:
        progress(f"  wrong: {line}")


def _age(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(seconds, 0):.0f} s"
