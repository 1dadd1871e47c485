"""Who is told what, and when: grouped, once, not too often, and that it is over.

Here belong pure functions of what is kept, what a channel was told, and the time. Not here: the words (`wording.py`),
sending (`resources/notify/channels.py`), or keeping (`resources/notify/outbox.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from resources.digests import sha256_bytes
from resources.notify.notice import Notice, Severity, at_least
from resources.notify.outbox import Line, Outbox, Told

What = Literal["happened", "begun", "again", "over", "passed", "summary"]
"""`again`: a trouble that was told goes on. `passed`: one that came and went before it could be told."""

HOUR = 3600.0
AT_ONCE = 5
"""Messages to one channel in one tick."""
FIRST_PAUSE = 30.0
LONGEST_PAUSE = HOUR
"""Seconds between two tries of a channel that is down: the pause doubles from the first to the longest."""
DOWN_AFTER = 3
"""Failures in a row after which a channel counts as down."""


@dataclass(frozen=True)
class Rules:
    """How one channel is told. `about`: kinds, empty for all. `repeat_seconds`: 0 for never."""

    channel: str
    about: frozenset[str]
    at_least: Severity
    group_seconds: float
    repeat_seconds: float
    at_most_per_hour: int

    def wants(self, notice: Notice) -> bool:
        """Whether the channel is told of such a thing. Nobody is told through a channel that it is down."""
        own = notice.kind == "channel_down" and notice.subject == self.channel
        about = not self.about or notice.kind in self.about
        return about and at_least(notice.severity, self.at_least) and not (own and notice.state == "begun")


@dataclass(frozen=True)
class Message:
    """What goes out as one: notices of one kind and group, or, as a summary, several of those (`parts`).

    `dropped`: how many notices were dropped for want of room; `doubtful`: it may have been sent before.
    """

    what: What
    notices: tuple[Notice, ...]
    parts: tuple["Message", ...] = ()
    dropped: int = 0
    doubtful: bool = False

    @property
    def id(self) -> str:
        """Digest of what it tells."""
        told = " ".join([self.what, *(notice.id for notice in self.notices)])
        return sha256_bytes(told.encode())[:32]

    @property
    def severity(self) -> Severity:
        """That of the worst; that something is over is only good to know."""
        if self.what == "over":
            return "info"
        parts = [part.severity for part in self.parts] or [notice.severity for notice in self.notices]
        return max(parts, key=_rank)


@dataclass(frozen=True)
class Plan:
    """What a channel is sent now, and the ids of notices that it need not be told."""

    messages: tuple[Message, ...]
    quiet: frozenset[str]


def plan(box: Outbox, line: Line, rules: Rules, now: float) -> Plan:
    """What is due for a channel. `now`: unix seconds."""
    items, quiet = _items(box, line, rules)
    due = _due([*items, *_standing(box, line, rules, now), *_ended(box, line)], rules, now)
    messages = _limited(due, rules.at_most_per_hour - len(_lately(line, now)))[:AT_ONCE]
    doubtful = frozenset(line.sending)
    messages = [_marked(m, line.dropped if place == 0 else 0, doubtful) for place, m in enumerate(messages)]
    return Plan(tuple(messages), quiet)


_Item = tuple[What, Notice]


def _items(box: Outbox, line: Line, rules: Rules) -> tuple[list[_Item], frozenset[str]]:
    """Notices that wait and are to be told, and the ids of those that are not."""
    items: list[_Item] = []
    quiet: set[str] = set()
    last_end = {n.key: n.id for n in box.notices if n.state == "over"}
    for notice in (n for n in box.notices if n.id not in line.done):
        what = _what(notice, box, line, rules, last_end)
        if what is None:
            quiet.add(notice.id)
        elif what != "begun":  # those follow from what goes on
            items.append((what, notice))
    return items, frozenset(quiet)


def _what(notice: Notice, box: Outbox, line: Line, rules: Rules, last_end: dict[str, str]) -> What | None:
    told, goes_on = line.ongoing.get(notice.key), box.standing.get(notice.key)
    if notice.state == "over" and (goes_on is not None or last_end[notice.key] != notice.id):
        return None  # it has begun anew, or has ended later once more
    if notice.state == "over" and told is not None:
        return "over"  # whoever was told of the trouble is told, whatever the rules say by now
    if not rules.wants(notice):
        return None
    if notice.state != "begun":
        return "happened" if notice.state == "happened" else "passed"
    known = told is not None and told.notice.version == notice.version
    return None if known or goes_on is None or goes_on.id != notice.id else "begun"


def _standing(box: Outbox, line: Line, rules: Rules, now: float) -> Iterator[_Item]:
    """Troubles that go on: not yet told, told in another version, or told long ago."""
    for key, notice in box.standing.items():
        told = line.ongoing.get(key)
        if not rules.wants(notice):
            continue
        if told is None or told.notice.version != notice.version:
            yield "begun", notice
        elif rules.repeat_seconds and now - told.at >= rules.repeat_seconds:
            yield "again", notice


def _ended(box: Outbox, line: Line) -> Iterator[_Item]:
    """Troubles that were told and are over, where the notice of that is gone."""
    said = {n.key for n in box.notices if n.state == "over" and n.id not in line.done}
    for key, told in line.ongoing.items():
        if key not in box.standing and key not in said:
            yield "over", told.notice


def _due(items: Sequence[_Item], rules: Rules, now: float) -> list[Message]:
    """Groups whose first notice is old enough, the worst and then the oldest first."""
    groups: dict[tuple[What, str, str], list[Notice]] = {}
    for what, notice in items:
        groups.setdefault((what, notice.kind, notice.group), []).append(notice)
    due = []
    for (what, _, _), notices in groups.items():
        first = min(notice.kept for notice in notices)
        # A clock that was set back makes an age negative: nothing waits for that.
        if what == "again" or not 0 <= now - first < rules.group_seconds:
            due.append(Message(what, tuple(sorted(notices, key=lambda n: (n.at, n.id)))))
    return sorted(due, key=lambda m: (-_rank(m.severity), m.notices[0].kept, m.id))


def _limited(due: list[Message], allowed: int) -> list[Message]:
    """As many as may be sent; what is beyond comes as one."""
    if len(due) <= allowed:
        return due
    if allowed <= 0:
        return []
    alone, rest = due[: allowed - 1], due[allowed - 1 :]
    return [*alone, Message("summary", tuple(n for m in rest for n in m.notices), tuple(rest))]


def _marked(message: Message, dropped: int, doubtful: frozenset[str]) -> Message:
    return Message(message.what, message.notices, message.parts, dropped, message.id in doubtful)


def taken(line: Line, message: Message, now: float) -> Line:
    """After the channel took a message."""
    ongoing = dict(line.ongoing)
    for part in message.parts or (message,):
        for notice in part.notices:
            if part.what in {"begun", "again"}:
                before = ongoing.get(notice.key)
                ongoing[notice.key] = Told(notice=notice, at=now, times=before.times + 1 if before else 1)
            elif part.what == "over":
                ongoing.pop(notice.key, None)
    return line.model_copy(
        update={
            "done": line.done | {notice.id for notice in message.notices},
            "ongoing": ongoing,
            "sent": (*_lately(line, now), now),
            "dropped": line.dropped - message.dropped,
        }
    )


def went_well(line: Line) -> Line:
    """After everything that was tried arrived."""
    return line.model_copy(update={"failures": 0, "since": 0.0, "why": "", "not_before": 0.0, "sending": ()})


def failed(line: Line, why: str, now: float) -> Line:
    """After something did not arrive: it is tried again after a pause, for ever."""
    pause = min(FIRST_PAUSE * 2 ** min(line.failures, 20), LONGEST_PAUSE)
    return line.model_copy(
        update={
            "failures": line.failures + 1,
            "since": line.since or now,
            "why": why,
            "not_before": now + pause,
            "sending": (),
        }
    )


def may_try(line: Line, now: float) -> bool:
    """Whether a channel may be tried. A clock that was set back does not keep it waiting for longer than the pause."""
    return now >= line.not_before or line.not_before - now > LONGEST_PAUSE


def _lately(line: Line, now: float) -> tuple[float, ...]:
    return tuple(at for at in line.sent if 0 <= now - at < HOUR)


def _rank(severity: Severity) -> int:
    return {"info": 0, "warning": 1, "error": 2}[severity]


def names(messages: Iterable[Message]) -> tuple[str, ...]:
    """The digests of messages that are about to be sent."""
    return tuple(message.id for message in messages)
