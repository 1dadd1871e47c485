"""Who is told what, and when: the whole of it as a function of what is kept, what was told, and the time."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.notices import grouping
from ascend_assets.notices.grouping import Message, Rules
from resources.notify import outbox
from resources.notify.notice import Notice, Severity, State, notice
from resources.notify.outbox import Line, Outbox

RULES = Rules("team", frozenset(), "info", 60.0, 6 * 3600.0, 20)
HOUR = 3600.0


def made(
    cause: str,
    *,
    kind: str = "run_failed",
    severity: Severity = "error",
    state: State = "happened",
    subject: str = "tiny",
    group: str = "",
    version: str = "",
) -> Notice:
    return notice(kind, severity, state, subject, cause=cause, at=0.0, group=group, version=version)


def trouble(cause: str, state: State = "begun", subject: str = "psi", **more: str) -> Notice:
    return made(cause, kind="drift", severity="warning", state=state, subject=subject, group="tiny", **more)


class Channel:
    """A channel that takes everything, and its history."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.box = outbox.for_channels(Outbox(), ["team"])
        self.told: list[Message] = []

    @property
    def line(self) -> Line:
        return self.box.lines["team"]

    def keep(self, now: float, *notices: Notice) -> None:
        self.box = outbox.add(self.box, notices, now)

    def due(self, now: float) -> tuple[Message, ...]:
        return grouping.plan(self.box, self.line, self.rules, now).messages

    def tick(self, now: float) -> tuple[Message, ...]:
        plan = grouping.plan(self.box, self.line, self.rules, now)
        line = self.line.model_copy(update={"done": self.line.done | plan.quiet})
        for message in plan.messages:
            line = grouping.taken(line, message, now)
        self.told += plan.messages
        self.box = outbox.forget(self.box.model_copy(update={"lines": {"team": line}}))
        return plan.messages


def whats(messages: tuple[Message, ...]) -> list[str]:
    return [message.what for message in messages]


def test_what_comes_within_the_time_of_a_group_is_one_message() -> None:
    channel = Channel()
    channel.keep(0, made("1"))
    assert not channel.tick(30)
    channel.keep(50, made("2"), made("3", subject="other"))
    (message,) = channel.tick(60)
    assert len(message.notices) == 2
    (other,) = channel.tick(110)
    assert other.notices[0].subject == "other"
    assert not channel.tick(10_000), "nothing is told twice"


def test_another_model_or_another_kind_is_another_message() -> None:
    channel = Channel()
    channel.keep(0, made("1"), made("2", subject="other"), made("3", kind="refused"))
    assert len(channel.tick(60)) == 3


def test_checks_of_one_model_are_one_message() -> None:
    channel = Channel()
    channel.keep(0, trouble("1"), trouble("2", subject="ks"))
    (message,) = channel.tick(60)
    assert {n.subject for n in message.notices} == {"psi", "ks"}


def test_the_worst_comes_first() -> None:
    channel = Channel()
    channel.keep(0, made("1", severity="info", kind="retraining_begun"))
    channel.keep(1, made("2", severity="warning", kind="refused"))
    channel.keep(2, made("3", severity="error"))
    assert [m.severity for m in channel.tick(100)] == ["error", "warning", "info"]


def test_what_goes_on_is_told_once_and_again_only_after_hours() -> None:
    channel = Channel()
    channel.keep(0, trouble("1"))
    assert whats(channel.tick(60)) == ["begun"]
    for hour in range(1, 6):
        channel.keep(hour * HOUR, trouble(f"again {hour}"))
        assert not channel.tick(hour * HOUR)
    assert whats(channel.tick(6 * HOUR + 60)) == ["again"]
    assert not channel.tick(7 * HOUR)
    assert channel.line.ongoing["drift psi"].times == 2


def test_never_again_where_that_is_wanted() -> None:
    channel = Channel(replace(RULES, repeat_seconds=0.0))
    channel.keep(0, trouble("1"))
    channel.tick(60)
    assert not channel.tick(1000 * HOUR)


def test_a_recovery_is_told_once() -> None:
    channel = Channel()
    channel.keep(0, trouble("1"))
    channel.tick(60)
    channel.keep(100, trouble("2", "over"))
    assert not channel.tick(130), "it may begin anew at once"
    assert whats(channel.tick(160)) == ["over"]
    assert not channel.tick(10 * HOUR)
    assert not channel.line.ongoing


def test_a_recovery_is_not_told_to_whom_the_trouble_was_not() -> None:
    channel = Channel(replace(RULES, at_least="error"))
    channel.keep(0, trouble("1"))
    channel.keep(100, trouble("2", "over"))
    assert not channel.tick(1000)
    assert not grouping.plan(channel.box, channel.line, RULES, 1000).messages, "nor when the rules change later"


def test_a_recovery_is_told_to_whom_the_trouble_was_though_the_rules_have_changed() -> None:
    channel = Channel()
    channel.keep(0, trouble("1"))
    channel.tick(60)
    channel.rules = replace(RULES, about=frozenset({"run_failed"}))
    channel.keep(100, trouble("2", "over"))
    assert whats(channel.tick(1000)) == ["over"]


def test_a_recovery_whose_notice_was_dropped_is_told_all_the_same() -> None:
    channel = Channel()
    channel.keep(0, trouble("1"))
    channel.tick(60)
    channel.box = channel.box.model_copy(update={"standing": {}})
    assert whats(channel.tick(1000)) == ["over"]


def test_what_came_and_went_while_a_channel_was_down_is_one_message() -> None:
    channel = Channel()
    channel.keep(0, trouble("1"))
    channel.keep(10, trouble("2", "over"))
    channel.keep(20, trouble("3"))
    channel.keep(30, trouble("4", "over"))
    (message,) = channel.tick(1000)
    assert message.what == "passed"
    assert message.notices[-1].began == 0.0
    assert not channel.tick(2000)


def test_flapping_is_not_told() -> None:
    channel = Channel()
    channel.keep(0, trouble("start"))
    channel.tick(60)
    for n in range(100):
        channel.keep(100 + 10 * n, trouble(f"over {n}", "over"))
        channel.keep(105 + 10 * n, trouble(f"begun {n}"))
        assert not channel.tick(106 + 10 * n)
    assert whats(tuple(channel.told)) == ["begun"]


def test_another_release_that_waits_is_told_anew() -> None:
    channel = Channel()
    channel.keep(0, trouble("1", version="1.0.0"))
    channel.tick(60)
    channel.keep(100, trouble("2", version="1.1.0"))
    assert whats(channel.tick(200)) == ["begun"]
    assert channel.line.ongoing["drift psi"].notice.version == "1.1.0"


def test_a_new_channel_is_told_of_what_goes_on() -> None:
    channel = Channel()
    channel.keep(0, trouble("1"), made("2"))
    channel.box = outbox.for_channels(outbox.for_channels(channel.box, []), ["team"])
    assert whats(channel.tick(1000)) == ["begun"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (replace(RULES, about=frozenset({"drift"})), ["drift"]),
        (replace(RULES, at_least="error"), ["run_failed"]),
        (RULES, ["drift", "run_failed"]),
    ],
)
def test_a_channel_chooses_what_it_is_told(rules: Rules, expected: list[str]) -> None:
    channel = Channel(rules)
    channel.keep(0, made("1"), trouble("2"))
    assert sorted(m.notices[0].kind for m in channel.tick(60)) == expected
    assert not channel.tick(HOUR)


def test_a_channel_is_not_told_through_itself_that_it_is_down() -> None:
    channel = Channel()
    down = made("1", kind="channel_down", severity="warning", state="begun", subject="team")
    other = made("2", kind="channel_down", severity="warning", state="begun", subject="other")
    channel.keep(0, down, other)
    assert [m.notices[0].subject for m in channel.tick(60)] == ["other"]


def test_what_is_beyond_the_limit_waits_and_comes_as_one() -> None:
    channel = Channel(replace(RULES, at_most_per_hour=3))
    channel.keep(0, *(made(str(n), subject=f"model{n}") for n in range(10)))
    assert whats(channel.tick(60)) == ["happened", "happened", "summary"]
    assert len(channel.told[-1].notices) == 8
    channel.keep(70, made("late"), made("later", subject="x"))
    assert not channel.tick(200)
    (message,) = channel.tick(60 + HOUR)[:1]
    assert message.what in {"happened", "summary"}
    assert {n.id for m in channel.told for n in m.notices} == {n.id for n in channel.box.notices}


def test_of_a_summary_troubles_and_recoveries_count_as_told() -> None:
    channel = Channel(replace(RULES, at_most_per_hour=1))
    channel.keep(0, trouble("1"), made("2"))
    assert whats(channel.tick(60)) == ["summary"]
    assert list(channel.line.ongoing) == ["drift psi"]


def test_a_channel_that_is_down_is_left_alone_for_longer_and_longer() -> None:
    line, pauses = Line(), []
    for _ in range(12):
        line = grouping.failed(line, "down", 0.0)
        pauses.append(line.not_before)
    assert pauses[:4] == [30.0, 60.0, 120.0, 240.0]
    assert pauses[-1] == grouping.LONGEST_PAUSE
    assert (line.failures, line.why) == (12, "down")
    assert not grouping.may_try(line, 100.0)
    assert grouping.may_try(line, grouping.LONGEST_PAUSE)
    assert grouping.went_well(line).failures == 0
    assert grouping.failed(Line(failures=10**9), "x", 0.0).not_before == grouping.LONGEST_PAUSE


def test_a_clock_that_was_set_back_keeps_nothing_waiting() -> None:
    channel = Channel()
    channel.keep(1_000_000, made("1"))
    assert len(channel.tick(10)) == 1
    assert grouping.may_try(grouping.failed(Line(), "x", 1_000_000), 10)


def test_what_may_have_been_sent_says_so() -> None:
    channel = Channel()
    channel.keep(0, made("1"))
    (message,) = channel.due(60)
    lines = {"team": channel.line.model_copy(update={"sending": (message.id,)})}
    channel.box = channel.box.model_copy(update={"lines": lines})
    assert [m.doubtful for m in channel.due(60)] == [True]


def test_what_was_dropped_is_counted_in_the_next_message() -> None:
    channel = Channel()
    lines = {"team": channel.line.model_copy(update={"dropped": 7})}
    channel.box = channel.box.model_copy(update={"lines": lines})
    channel.keep(0, made("1"), made("2", subject="other"))
    assert [m.dropped for m in channel.tick(60)] == [7, 0]
    assert channel.line.dropped == 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["psi", "ks"]),
        st.sampled_from(["begun", "over", "happened"]),
        st.floats(1, 2000),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 5))
def test_laws(steps: list[tuple[str, State, float, bool]], limit: int) -> None:
    """Everybody hears everything in the end, nothing that happened twice, and never more than the limit in an hour."""
    channel = Channel(replace(RULES, at_most_per_hour=limit, repeat_seconds=0.0))
    now, sent, happened = 0.0, [], []
    for place, (subject, state, pause, reachable) in enumerate(steps):
        now += pause
        one = trouble(f"{place}", state, subject)
        if state == "happened":
            one = made(f"{place}", subject=subject)
            happened.append(one.id)
        channel.keep(now, one)
        if reachable:
            sent += [now] * len(channel.tick(now))
    for _ in range(40):
        now += HOUR / 2
        sent += [now] * len(channel.tick(now))
    told = [n.id for message in channel.told for n in message.notices if n.state == "happened"]
    assert sorted(told) == sorted(happened)
    for at in sent:
        assert sum(0 <= at - other < HOUR for other in sent) <= limit
    assert set(channel.line.ongoing) == set(channel.box.standing)
    assert not [n for n in channel.box.notices if n.id not in channel.line.done and n.state != "begun"]
