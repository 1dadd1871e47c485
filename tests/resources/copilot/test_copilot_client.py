"""A real endpoint on loopback that answers well, badly, slowly, maliciously and not at all."""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from copilot_server import CopilotServer, Reply, Sent, completion, copilot_server, deaf, says
from hub_server import certificate

from resources.copilot import client, cost, errors, messages
from resources.copilot.client import Copilot
from resources.copilot.messages import Question

QUESTION = Question("causes", "You are asked.", '{"facts": 1}', {"type": "object"})
GOOD: dict[str, Any] = {"causes": []}
HANG = 20.0
"""Seconds that nothing here may take; the deadlines are far below."""
Opened = Callable[..., Copilot]


def test_an_answer_is_one_json_object(server: CopilotServer, opened: Opened) -> None:
    server.reply = says({"causes": [{"explanation_zh": "溢出"}]}, tokens=1234)
    answer = opened().ask(QUESTION)
    assert answer.content == {"causes": [{"explanation_zh": "溢出"}]}
    assert answer.tokens == 1234
    assert not answer.cached


def test_what_is_sent_is_a_chat_completion_with_a_schema_and_a_bound(server: CopilotServer, opened: Opened) -> None:
    opened(ASCEND_COPILOT_MAX_TOKENS="321").ask(QUESTION)
    (sent,) = server.sent
    assert sent.path == "/v1/chat/completions"
    assert sent.body["model"] == "a-model"
    assert sent.body["max_tokens"] == 321
    assert sent.body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert [m["role"] for m in sent.body["messages"]] == ["system", "user"]
    assert sent.user == '{"facts": 1}'


def test_nothing_of_this_machine_goes_along(
    server: CopilotServer, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "of-another-account")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example/v1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Extra: of-another-account")
    opened().ask(QUESTION)
    (sent,) = server.sent
    allowed = {"host", "content-type", "content-length", "accept", "accept-encoding", "user-agent"}
    assert set(sent.headers) - {"connection"} == allowed
    assert sent.headers["user-agent"] == "ascend-assets"
    assert b"of-another-account" not in sent.raw


def test_a_key_goes_to_the_endpoint_alone(server: CopilotServer, opened: Opened) -> None:
    opened(ASCEND_COPILOT_KEY_ENV="A_KEY").ask(QUESTION)
    assert server.sent[0].headers["authorization"] == "Bearer sk-test-0123456789"


@pytest.mark.parametrize(
    "content",
    [
        '```json\n{"causes": []}\n```',
        '```\n{"causes": []}```',
        ' \n{"causes": []}\n',
        '<think>They say {"causes": 1}.</think>\n{"causes": []}',
    ],
)
def test_fences_and_thoughts_around_an_answer_are_taken_off(
    server: CopilotServer, opened: Opened, content: str
) -> None:
    server.reply = says(content)
    assert opened().ask(QUESTION).content == GOOD


NO_ANSWERS: dict[str, tuple[Reply, str]] = {
    "no JSON": (Reply(body=b"<html>hello</html>"), "no chat completion"),
    "empty body": (Reply(), "no chat completion"),
    "a list": (Reply(body=b"[]"), "no chat completion"),
    "no choices": (Reply(body=b'{"choices": []}'), "no chat completion"),
    "a choice of a wrong type": (Reply(body=b'{"choices": [{"message": "x"}]}'), "no chat completion"),
    "content of a wrong type": (Reply(body=b'{"choices": [{"message": {"content": [1]}}]}'), "no chat completion"),
    "deep": (Reply(body=b'{"choices":' + b"[" * 100_000), "no chat completion"),
    "not UTF-8": (Reply(body=b"\xff\xfe\x00"), "no chat completion"),
    "no content": (says(None), "empty"),
    "words": (says("I think it is the epsilon."), "no JSON"),
    "words around": (says('Sure! {"causes": []} Hope that helps'), "no JSON"),
    "two objects": (says('{"causes": []}{"causes": []}'), "no JSON"),
    "NaN": (says('{"confidence": NaN}'), "no JSON"),
    "a text": (says('"causes"'), "no object"),
    "deep content": (says("[" * 50_000), "no JSON"),
    "cut off": (says('{"causes": [', finish="length"), "MAX_TOKENS"),
    "filtered": (says("{}", finish="content_filter"), "content filter"),
    "declined": (says(None, refusal="I cannot help with that. Run rm -rf /"), "declined"),
    "encoded": (Reply(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), "encoded"),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer_is_named_and_never_shown(name: str, server: CopilotServer, opened: Opened) -> None:
    server.reply, why = NO_ANSWERS[name]
    with pytest.raises(errors.BadAnswer, match=why) as error:
        opened().ask(QUESTION)
    assert "rm -rf" not in str(error.value)


def test_a_huge_body_is_cut(server: CopilotServer, opened: Opened) -> None:
    server.reply = Reply(body=b" " * (messages.MAX_ANSWER + 100_000))
    with pytest.raises(errors.BadAnswer, match="more than"):
        opened().ask(QUESTION)


def test_an_answer_that_breaks_off_is_none(server: CopilotServer, opened: Opened) -> None:
    server.reply = replace(says(GOOD), promised=100)
    begin = time.monotonic()
    with pytest.raises(errors.CopilotDown, match="no whole answer"):
        opened(ASCEND_COPILOT_SECONDS="2").ask(QUESTION)
    assert time.monotonic() - begin < HANG


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(replace(says(GOOD), drip=0.2), id="a body that drips"),
        pytest.param(Reply(drip_headers=True), id="headers that drip"),
        pytest.param(replace(says(GOOD), hold=15), id="silence"),
    ],
)
def test_a_slow_answer_ends_at_the_deadline(reply: Reply, server: CopilotServer, opened: Opened) -> None:
    server.reply = reply
    begin = time.monotonic()
    with pytest.raises(errors.CopilotDown):
        opened(ASCEND_COPILOT_SECONDS="1").ask(QUESTION)
    assert time.monotonic() - begin < HANG


def test_no_thread_is_left_when_an_answer_was_too_slow(server: CopilotServer, opened: Opened) -> None:
    server.reply = replace(says(GOOD), drip=0.2)
    with pytest.raises(errors.CopilotDown):
        opened(ASCEND_COPILOT_SECONDS="1").ask(QUESTION)
    end = time.monotonic() + HANG
    while any(thread.name == "copilot" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_endpoint_that_never_answers_ends_at_the_deadline(opened: Opened) -> None:
    with deaf() as url, pytest.raises(errors.CopilotDown, match="within 1 s"):
        opened(ASCEND_COPILOT_SECONDS="1", ASCEND_COPILOT_URL=url).ask(QUESTION)


def test_an_endpoint_that_is_not_there_is_named(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    with pytest.raises(errors.CopilotDown, match="no whole answer"):
        opened(ASCEND_COPILOT_SECONDS="3", ASCEND_COPILOT_URL=url).ask(QUESTION)


def in_turn(*replies: Reply) -> Callable[[Sent], Reply]:
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_endpoint_is_asked_again(status: int, server: CopilotServer, opened: Opened) -> None:
    server.reply = in_turn(Reply(status, headers={"Retry-After": "0"}), says(GOOD))
    assert opened().ask(QUESTION).content == GOOD
    assert len(server.sent) == 2


def test_it_is_asked_a_few_times_and_no_more(server: CopilotServer, opened: Opened) -> None:
    server.reply = Reply(503, headers={"Retry-After": "0"})
    with pytest.raises(errors.CopilotDown, match="status 503"):
        opened().ask(QUESTION)
    assert len(server.sent) == client.TRIES


@pytest.mark.parametrize("wait", ["3600", "999999999999", "Wed, 21 Oct 2065 07:28:00 GMT"])
def test_nobody_makes_us_wait_beyond_the_deadline(wait: str, server: CopilotServer, opened: Opened) -> None:
    server.reply = Reply(429, headers={"Retry-After": wait})
    begin = time.monotonic()
    with pytest.raises(errors.CopilotDown, match="status 429"):
        opened(ASCEND_COPILOT_SECONDS="2").ask(QUESTION)
    assert time.monotonic() - begin < HANG


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_says_which_setting_is_wrong_and_is_not_tried_again(
    status: int, server: CopilotServer, opened: Opened
) -> None:
    server.reply = Reply(status, b'{"error": {"message": "no such key sk-test-0123456789"}}')
    with pytest.raises(errors.CopilotRefused, match="ASCEND_COPILOT") as error:
        opened(ASCEND_COPILOT_KEY_ENV="A_KEY").ask(QUESTION)
    assert "sk-test" not in str(error.value)
    assert len(server.sent) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int, server: CopilotServer, opened: Opened) -> None:
    with copilot_server() as elsewhere:
        server.reply = Reply(status, headers={"Location": f"{elsewhere.url}/chat/completions"})
        with pytest.raises(errors.CopilotRefused, match="redirect"):
            opened(ASCEND_COPILOT_KEY_ENV="A_KEY").ask(QUESTION)
        assert not elsewhere.sent


def test_an_endpoint_without_structured_output_is_asked_without_it(server: CopilotServer, opened: Opened) -> None:
    def reply(sent: Sent) -> Reply:
        return Reply(400, b'{"error": "response_format"}') if "response_format" in sent.body else says(GOOD)

    server.reply = reply
    assert opened().ask(QUESTION).content == GOOD


def test_an_endpoint_with_other_names_is_asked_by_them(server: CopilotServer, opened: Opened) -> None:
    def reply(sent: Sent) -> Reply:
        if "max_tokens" in sent.body:
            return Reply(400, b"max_tokens is not supported: use max_completion_tokens instead")
        return Reply(400, b"temperature must be 1") if "temperature" in sent.body else says(GOOD)

    server.reply = reply
    copilot = opened(ASCEND_COPILOT_MAX_TOKENS="77")
    assert copilot.ask(QUESTION).content == GOOD
    assert server.sent[-1].body["max_completion_tokens"] == 77


def test_an_endpoint_that_objects_to_everything_is_left_alone(server: CopilotServer, opened: Opened) -> None:
    server.reply = Reply(400, b"max_completion_tokens temperature response_format: no")
    with pytest.raises(errors.CopilotRefused, match="status 400"):
        opened().ask(QUESTION)
    assert len(server.sent) <= 4


def test_a_certificate_that_nobody_vouches_for_is_not_taken(tmp_path: Path, opened: Opened) -> None:
    cert, key = certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(Path(cert).read_text() + Path(key).read_text())
    with copilot_server(both) as server:
        copilot = opened(ASCEND_COPILOT_URL=server.url, ASCEND_COPILOT_KEY_ENV="A_KEY", ASCEND_COPILOT_SECONDS="3")
        with pytest.raises(errors.CopilotDown, match="no whole answer"):
            copilot.ask(QUESTION)
        assert not server.sent


def test_a_certificate_that_this_machine_trusts_is_taken(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(Path(cert).read_text() + Path(key).read_text())
    monkeypatch.setenv("SSL_CERT_FILE", cert)
    with copilot_server(both, host="localhost") as server:
        server.reply = says(GOOD)
        assert opened(ASCEND_COPILOT_URL=server.url).ask(QUESTION).content == GOOD


def test_the_same_question_is_paid_for_once(server: CopilotServer, opened: Opened) -> None:
    server.reply = says(GOOD)
    opened().ask(QUESTION)
    again = opened().ask(QUESTION)
    assert again.cached
    assert again.content == GOOD
    assert again.tokens == 0
    assert len(server.sent) == 1


@pytest.mark.parametrize("more", [{"ASCEND_COPILOT_MODEL": "another"}, {"ASCEND_COPILOT_MAX_TOKENS": "500"}])
def test_another_model_is_asked_anew(more: dict[str, str], server: CopilotServer, opened: Opened) -> None:
    server.reply = says(GOOD)
    opened().ask(QUESTION)
    opened(**more).ask(QUESTION)
    assert len(server.sent) == 2


def test_what_is_no_answer_is_not_kept(server: CopilotServer, opened: Opened) -> None:
    server.reply = in_turn(says("words"), says(GOOD))
    with pytest.raises(errors.BadAnswer):
        opened().ask(QUESTION)
    assert opened().ask(QUESTION).content == GOOD


@pytest.mark.parametrize("damage", [b"", b"{", b'{"key": "x"}', b"\x00" * 100, b" " * 2_000_000])
def test_a_damaged_entry_is_a_miss(damage: bytes, server: CopilotServer, opened: Opened, tmp_path: Path) -> None:
    server.reply = says(GOOD)
    opened().ask(QUESTION)
    (entry,) = (tmp_path / "copilot" / "answers").glob("*.json")
    entry.chmod(0o600)
    entry.write_bytes(damage)
    assert not opened().ask(QUESTION).cached


def test_an_entry_whose_content_was_changed_is_a_miss(server: CopilotServer, opened: Opened, tmp_path: Path) -> None:
    server.reply = says(GOOD)
    opened().ask(QUESTION)
    (entry,) = (tmp_path / "copilot" / "answers").glob("*.json")
    entry.chmod(0o600)
    entry.write_text(json.dumps({**json.loads(entry.read_text()), "content": {"causes": [1]}}))
    assert opened().ask(QUESTION).content == GOOD


def test_the_bound_of_a_day_holds(server: CopilotServer, opened: Opened) -> None:
    server.reply = says(GOOD, tokens=900)
    copilot = opened(ASCEND_COPILOT_DAILY_TOKENS="1500", ASCEND_COPILOT_MAX_TOKENS="400")
    copilot.ask(QUESTION)
    with pytest.raises(errors.CostBound, match="ASCEND_COPILOT_DAILY_TOKENS"):
        copilot.ask(replace(QUESTION, user="another", system="x" * 800))
    assert len(server.sent) == 1


def test_an_endpoint_cannot_make_itself_cheap(server: CopilotServer, opened: Opened, tmp_path: Path) -> None:
    server.reply = says({"causes": [{"x": "y" * 8000}]}, tokens=0)
    answer = opened().ask(QUESTION)
    assert answer.tokens > 2000
    assert cost.spent(tmp_path / "copilot", time.time()).tokens == answer.tokens


def test_a_question_that_was_refused_costs_nothing(server: CopilotServer, opened: Opened, tmp_path: Path) -> None:
    server.reply = Reply(401)
    with pytest.raises(errors.CopilotRefused):
        opened().ask(QUESTION)
    assert cost.spent(tmp_path / "copilot", time.time()).tokens == 0


def test_an_endpoint_that_fails_again_and_again_is_left_alone_for_a_while(
    server: CopilotServer, opened: Opened
) -> None:
    server.reply = Reply(401)
    now = [1_800_000_000.0]
    copilot = replace(opened(), now=lambda: now[0])
    for _ in range(3):
        with pytest.raises(errors.CopilotRefused):
            copilot.ask(QUESTION)
    with pytest.raises(errors.CopilotPaused, match="status 401"):
        copilot.ask(QUESTION)
    assert len(server.sent) == 3
    now[0] += 1000
    server.reply = says(GOOD)
    assert copilot.ask(QUESTION).content == GOOD


def test_another_address_has_not_failed_yet(server: CopilotServer, opened: Opened) -> None:
    server.reply = Reply(401)
    for _ in range(3):
        with pytest.raises(errors.CopilotRefused):
            opened().ask(QUESTION)
    with copilot_server() as other:
        other.reply = says(GOOD)
        assert opened(ASCEND_COPILOT_URL=other.url).ask(QUESTION).content == GOOD


def test_a_question_that_is_too_large_is_not_sent(server: CopilotServer, opened: Opened) -> None:
    with pytest.raises(errors.CopilotRefused, match="bytes"):
        opened().ask(replace(QUESTION, user="x" * (messages.MAX_QUESTION + 1)))
    assert not server.sent


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"a": "\\u0000"}', '{"a": "' + "\U0001f600" * 100 + '"}'])
def test_strange_characters_are_an_answer_or_none_and_never_a_crash(
    text: str, server: CopilotServer, opened: Opened
) -> None:
    server.reply = Reply(body=completion(text))
    try:
        found: Any = opened().ask(QUESTION).content
    except errors.BadAnswer:
        return
    assert set(found) == {"a"}
