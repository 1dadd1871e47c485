"""`ascend notices`: what was told and what waits, and a test message that really arrives."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from webhook_server import serving

from ascend_assets import triggers_file
from ascend_assets.notices import grouping, telling
from resources.notify import outbox
from resources.notify.notice import Notice, State, notice
from resources.notify.outbox import Outbox

Here = Callable[..., tuple[int, str, str]]
FILE = """\
notices:
  channels:
    - {name: team, url_env: TEAM_HOOK}
    - {name: ops, url_env: OPS_HOOK, language: en}
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "triggers.yaml").write_text(FILE)
    monkeypatch.setenv("ASCEND_TRIGGERS", str(tmp_path / "triggers.yaml"))
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("TEAM_HOOK", "OPS_HOOK"):
        monkeypatch.setenv(name, "json://127.0.0.1:1/very-secret-word")
    triggers_file._read_once.cache_clear()
    return telling.folder()


def made(kind: str, cause: str = "1", state: State = "happened", **facts: str) -> Notice:
    return notice(kind, "error", state, "tiny", cause=cause, at=1_700_000_000.0, facts=facts)


def kept(folder: Path, *notices: Notice) -> Outbox:
    folder.mkdir(parents=True)
    box = outbox.add(outbox.for_channels(Outbox(), ["team", "ops"]), notices, 0.0)
    outbox.write(folder, box)
    return box


def test_where_nothing_happened_nothing_is_shown(here: Here) -> None:
    code, out, _ = here("notices")
    assert code == 0
    assert "nothing has happened that anybody should hear of" in out
    assert "team" in out


def test_what_happened_what_goes_on_and_who_was_told(here: Here, state: Path) -> None:
    box = kept(state, made("run_failed", job="tiny_candidate"), made("drift", state="begun", model="tiny", check="psi"))
    done = frozenset(n.id for n in box.notices)
    lines = {"team": box.lines["team"].model_copy(update={"done": done}), "ops": box.lines["ops"]}
    outbox.write(state, box.model_copy(update={"lines": lines}))
    code, out, _ = here("notices")
    assert code == 0
    assert "Run of tiny_candidate failed" in out
    assert "goes on since 2023-11-14 22:13 UTC: tiny: production data has drifted (psi)" in out
    found = json.loads(here("notices", "--json")[1])
    assert {one["channel"]: one["waiting"] for one in found["channels"]} == {"team": 0, "ops": 2}
    assert found["notices"][0]["told"] == ["team"]
    assert len(found["standing"]) == 1
    assert "secret" not in json.dumps(found)


def test_only_so_many_are_shown(here: Here, state: Path) -> None:
    kept(state, *(made("run_failed", str(n), job="j") for n in range(9)))
    assert len(json.loads(here("notices", "--json", "--limit", "4")[1])["notices"]) == 4


def test_channels_that_cannot_be_used_are_named_and_their_addresses_are_not(
    here: Here, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_HOOK", "nonsense://very-secret-word")
    monkeypatch.delenv("OPS_HOOK")
    code, out, err = here("notices")
    assert code == 1
    assert "2 of 2 channels cannot be used: team, ops" in err
    assert "OPS_HOOK is not set" in out
    assert "very-secret" not in out + err
    del state


def test_a_channel_that_was_down_at_last_says_why(here: Here, state: Path) -> None:
    box = kept(state, made("run_failed"))
    down = grouping.failed(box.lines["team"], "error=500", 1.0)
    outbox.write(state, box.model_copy(update={"lines": {**box.lines, "team": down}}))
    code, out, _ = here("notices")
    assert code == 1
    assert "error=500" in out


def test_a_test_message_arrives_in_the_channels_language(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as hook:
        monkeypatch.setenv("TEAM_HOOK", hook.address)
        code, out, _ = here("notices", "--test", "team")
        assert (code, out) == (0, "team took the test message\n")
        assert "渠道 team 测试消息" in hook.titles[0]
        hook.mode = "500"
        code, out, err = here("notices", "--test", "team", "--json")
    assert code == 1
    assert json.loads(out)["arrived"] is False
    assert "error=500" in err


def test_a_channel_that_is_not_there_names_those_that_are(here: Here) -> None:
    code, _, err = here("notices", "--test", "nobody")
    assert code == 2
    assert "no channel 'nobody' in triggers.yaml; there are: team, ops" in err


def test_an_outbox_of_another_version_is_left_alone(here: Here, state: Path) -> None:
    state.mkdir(parents=True)
    (state / outbox.FILE).write_text('{"new": 1}')
    assert here("notices")[0] == 0
    assert (state / outbox.FILE).read_text() == '{"new": 1}'
