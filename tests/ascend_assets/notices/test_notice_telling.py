"""A round of telling: nothing is lost and nothing told twice, whatever a channel does and wherever a crash comes."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from webhook_server import serving

from ascend_assets.notices import grouping, telling
from ascend_assets.triggers import Channel, Notices
from resources.home import PROJECT
from resources.notify import channels, outbox
from resources.notify.channels import Errand, Result
from resources.notify.notice import Notice, notice
from resources.notify.outbox import Outbox

SETTINGS = Notices(
    channels=(Channel(name="team", url_env="TEAM"), Channel(name="ops", url_env="OPS", language="en")), group_seconds=0
)


def made(cause: str, subject: str = "tiny") -> Notice:
    return notice("run_failed", "error", "happened", subject, cause=cause, at=1.0, facts={"job": "j", "step": "s"})


class Post:
    """Takes what it is handed, but for channels that are down."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.got: dict[str, list[str]] = {"team": [], "ops": []}

    def __call__(self, errands: Sequence[Errand]) -> tuple[Result, ...]:
        return tuple(self._one(errand) for errand in errands)

    def _one(self, errand: Errand) -> Result:
        if errand.channel in self.down:
            return Result(errand.channel, frozenset(), "it is down")
        self.got[errand.channel] += [f"{message.title}\n{message.body}" for message in errand.messages]
        return Result(errand.channel, frozenset(message.id for message in errand.messages))


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.setattr(telling, "_WELL_FORMED", set())
    monkeypatch.setenv("TEAM", "json://team")
    monkeypatch.setenv("OPS", "json://ops")
    return Post()


def box_with(*notices: Notice) -> Outbox:
    return outbox.add(outbox.for_channels(Outbox(), ["team", "ops"]), notices, 0.0)


def test_each_channel_is_told_in_its_language(tmp_path: Path, post: Post) -> None:
    box, done = telling.tell(tmp_path, box_with(made("1")), SETTINGS, 10.0, post)
    assert done.sent == 2
    assert "运行失败" in post.got["team"][0]
    assert "failed" in post.got["ops"][0]
    assert outbox.peek(tmp_path) == box
    assert telling.tell(tmp_path, box, SETTINGS, 20.0, post)[1].sent == 0


def test_a_channel_that_is_down_loses_nothing_and_blocks_no_other(tmp_path: Path, post: Post) -> None:
    post.down = {"team"}
    box, done = telling.tell(tmp_path, box_with(made("1")), SETTINGS, 0.0, post)
    assert (len(post.got["ops"]), done.troubles) == (1, {"team": "it is down"})
    now = 0.0
    for _ in range(10):
        now += 4000
        box, _ = telling.tell(tmp_path, box, SETTINGS, now, post)
    assert box.lines["team"].failures == 11
    post.down = set()
    box, done = telling.tell(tmp_path, box, SETTINGS, now + 4000, post)
    assert "运行失败" in "".join(post.got["team"])
    assert not done.troubles


def test_others_hear_that_a_channel_is_down_and_that_it_works_again(tmp_path: Path, post: Post) -> None:
    post.down = {"team"}
    box, now = box_with(made("1")), 0.0
    for _ in range(grouping.DOWN_AFTER + 1):
        box, _ = telling.tell(tmp_path, box, SETTINGS, now, post)
        now += 4000
    assert "channel_down team" in box.standing
    assert "do not reach the channel team" in post.got["ops"][-1]
    post.down = set()
    for _ in range(2):
        box, _ = telling.tell(tmp_path, box, SETTINGS, now, post)
        now += 4000
    assert not box.standing
    assert "The channel team works again" in post.got["ops"][-1]


def test_no_channel_keeps_everything_and_sends_nothing(tmp_path: Path, post: Post) -> None:
    box = outbox.add(Outbox(), [made("1")], 0.0)
    telling.tell(tmp_path, box, Notices(), 10.0, post)
    assert len(outbox.peek(tmp_path).notices) == 1


def test_what_is_to_be_sent_is_kept_before_it_is_sent(tmp_path: Path, post: Post) -> None:
    """A crash while it is being sent: it is sent again, and says that it may have been."""

    class Killed(Exception):
        pass

    def dies(errands: Sequence[Errand]) -> tuple[Result, ...]:
        post(errands)
        raise Killed

    with pytest.raises(Killed):
        telling.tell(tmp_path, box_with(made("1")), SETTINGS, 0.0, dies)
    box, _ = outbox.read(tmp_path)
    assert len(box.notices) == 1
    telling.tell(tmp_path, box, SETTINGS, 30.0, post)
    assert len(post.got["ops"]) == 2
    assert "may have been sent before" not in post.got["ops"][0]
    assert "may have been sent before" in post.got["ops"][1]


def test_what_arrived_before_the_rest_failed_is_not_sent_again(tmp_path: Path, post: Post) -> None:
    def half(errands: Sequence[Errand]) -> tuple[Result, ...]:
        return tuple(Result(e.channel, frozenset([e.messages[0].id]), "then it hung") for e in errands)

    box = box_with(made("1"), made("2", "other"))
    box, done = telling.tell(tmp_path, box, SETTINGS, 0.0, half)
    assert done.sent == 2
    telling.tell(tmp_path, box, SETTINGS, 60.0, post)
    assert {name: len(got) for name, got in post.got.items()} == {"team": 1, "ops": 1}


def test_an_address_is_tried_before_there_is_news(tmp_path: Path, post: Post) -> None:
    """A typo in an address is found when it is made, not when something has happened."""
    post.down = {"team"}
    box, done = telling.tell(tmp_path, box_with(), SETTINGS, 0.0, post)
    assert done.troubles == {"team": "it is down"}
    handed: list[str] = []

    def watch(errands: Sequence[Errand]) -> tuple[Result, ...]:
        handed.extend(e.channel for e in errands)
        return post(errands)

    telling.tell(tmp_path, box, SETTINGS, 40.0, watch)
    assert handed == ["team"], "the other one is known to be well-formed"


def test_a_disk_that_takes_nothing_sends_nothing(tmp_path: Path, post: Post) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        telling.tell(tmp_path / "file", box_with(made("1")), SETTINGS, 0.0, post)
    assert post.got == {"team": [], "ops": []}


def test_channels_that_wait_longest_are_served_first(
    tmp_path: Path, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "AT_ONCE", 1)
    box, _ = telling.tell(tmp_path, box_with(made("1")), SETTINGS, 0.0, post)
    telling.tell(tmp_path, box, SETTINGS, 30.0, post)
    assert {name: len(got) for name, got in post.got.items()} == {"team": 1, "ops": 1}


TELLER = """
import sys
from pathlib import Path
from ascend_assets.notices import telling
from ascend_assets.triggers import Channel, Notices
from resources.notify import outbox
settings = Notices(channels=(Channel(name="team", url_env="TEAM", language="en"),), group_seconds=0)
place = Path(sys.argv[1])
telling.tell(place, outbox.read(place)[0], settings, float(sys.argv[2]))
"""


def test_a_process_that_is_killed_while_it_sends_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as hook:
        monkeypatch.setenv("TEAM", hook.address)
        outbox.write(tmp_path, outbox.add(outbox.for_channels(Outbox(), ["team"]), [made("1")], 0.0))
        hook.mode = "hang"
        with subprocess.Popen([sys.executable, "-c", TELLER, str(tmp_path), "10"], cwd=PROJECT) as teller:
            begin = time.monotonic()
            while not hook.got and time.monotonic() - begin < 120:
                time.sleep(0.02)
            teller.send_signal(signal.SIGKILL)
        hook.mode = "ok"
        subprocess.run([sys.executable, "-c", TELLER, str(tmp_path), "40"], cwd=PROJECT, timeout=120, check=True)
        assert len(hook.got) == 2
        assert "may have been sent before" in hook.bodies[1]["message"]
    assert outbox.peek(tmp_path).lines["team"].sending == ()
