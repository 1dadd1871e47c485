"""A channel has its time and no more, whatever its service does, and holds up no other channel."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from webhook_server import Mode, serving

from resources.home import PROJECT
from resources.notify import channels, post
from resources.notify.channels import Errand
from resources.notify.post import Message

WITHIN = 60.0
"""Seconds: a bound that tells a hang."""


def message(ident: str = "1") -> Message:
    return Message(id=ident, severity="warning", title=f"title {ident}", body="body")


def errand(variable: str, *ids: str, channel: str = "here") -> Errand:
    return Errand(channel, variable, tuple(message(ident) for ident in ids))


def test_messages_arrive_in_their_order_and_are_named() -> None:
    with serving() as hook:
        (result,) = channels.deliver([errand("HOOK", "1", "2", "3")], {"HOOK": hook.address})
        assert hook.titles == ["title 1", "title 2", "title 3"]
    assert (result.taken, result.why) == (frozenset({"1", "2", "3"}), "")


def test_an_address_that_is_missing_names_its_variable() -> None:
    (result,) = channels.deliver([errand("TEAM_CHAT", "1")], {})
    assert "TEAM_CHAT is not set" in result.why
    assert not result.taken


def test_an_address_that_is_none_is_not_said() -> None:
    (result,) = channels.deliver([errand("HOOK", "1")], {"HOOK": "nonsense://very-secret"})
    assert result.why == post.UNUSABLE
    assert channels.check("HOOK", {"HOOK": "nonsense://very-secret"}) == post.UNUSABLE
    assert channels.check("HOOK", {"HOOK": "feishu://01234567-89ab-cdef"}) == ""


def test_what_arrived_before_a_service_hung_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "SECONDS", WITHIN)
    with serving() as hook:
        hook.hangs_after = 1
        (result,) = channels.deliver([errand("HOOK", "1", "2", "3")], {"HOOK": f"{hook.address}?rto=1"})
        assert hook.titles == ["title 1", "title 2", "title 3"]
    assert result.taken == {"1"}
    assert result.why


def test_services_that_do_not_end_hold_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "SECONDS", 7.0)
    monkeypatch.setattr(channels, "MEMORY", 1024**3)
    begin = time.monotonic()
    modes: tuple[Mode, ...] = ("hang", "drip", "huge", "ok")
    with ExitStack() as stack:
        hooks = {mode: stack.enter_context(serving()) for mode in modes}
        for mode, hook in hooks.items():
            hook.mode = mode
        environ = {mode.upper(): hook.address for mode, hook in hooks.items()}
        results = channels.deliver([errand(mode.upper(), "1", channel=mode) for mode in modes], environ)
        assert hooks["ok"].titles == ["title 1"]
    assert time.monotonic() - begin < WITHIN
    assert {r.channel: bool(r.why) for r in results} == {"hang": True, "drip": True, "huge": True, "ok": False}
    assert not [r for r in results if "sEcReT" in r.why]


def test_no_more_channels_are_begun_than_are_served_at_once() -> None:
    results = channels.deliver([errand("NONE", "1", channel=str(n)) for n in range(channels.AT_ONCE + 3)], {})
    assert len(results) == channels.AT_ONCE


def test_the_address_is_no_argument_and_is_gone_from_the_environment() -> None:
    """An argument would stand in the list of processes."""
    with serving() as hook:
        code = (
            "import os, sys; from resources.notify import post; post.main();"
            f" assert {post.ADDRESS!r} not in os.environ; assert 'sEcReT' not in ' '.join(sys.argv)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=post.MESSAGES.dump_json((message(),)),
            env={**os.environ, post.ADDRESS: hook.address},
            cwd=PROJECT,
            capture_output=True,
            timeout=WITHIN,
            check=True,
        )
        assert hook.titles == ["title 1"]
    assert post.Posted.model_validate_json(done.stdout).why == ""
