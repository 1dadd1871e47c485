"""Apprise takes the addresses that are documented, and what a service answers is believed only where it is true."""

import email
import email.policy
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webhook_server import Webhook, mail_server, serving

from resources.notify import post
from resources.notify.post import Message

MESSAGE = Message(
    id="1", severity="error", title="失败 <b>bold</b>", body="*step* <!channel> & <at id=all>\nsecond line"
)
DOCUMENTED = {
    "wecombot": "wecombot://01234567-89ab-cdef-0123-456789abcdef",
    "dingtalk": "dingtalk://SECsecret0123@0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "feishu": "feishu://01234567-89ab-cdef-0123-456789abcdef",
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "mailtos": "mailtos://someone:password@example.com?to=team@example.com",
    "jsons": "jsons://hooks.example.com/path",
    "xmls": "xmls://hooks.example.com/path",
}
CHAT = {
    "wecombot": ("apprise.plugins.wecombot.NotifyWeComBot.notify_url", "/send?key={key}"),
    "dingtalk": ("apprise.plugins.dingtalk.NotifyDingTalk.notify_url", "/robot?access_token={token}"),
    "feishu": ("apprise.plugins.feishu.NotifyFeishu.notify_url", "/hook/{token}/"),
    "slack": ("apprise.plugins.slack.NotifySlack.webhook_url", "/services"),
}
"""Scheme -> where Apprise keeps the service's address, which a test points at its own server."""


def send(address: str) -> str:
    found = post.opened(address)
    assert found is not None
    return post.post(found, MESSAGE, address)


@pytest.mark.parametrize("scheme", DOCUMENTED)
def test_apprise_takes_every_documented_address(scheme: str) -> None:
    assert post.opened(DOCUMENTED[scheme]) is not None


@pytest.mark.parametrize("address", ["nonsense://x", "", "json://", "wecombot://", "mailto://", "not an address"])
def test_what_is_no_address_is_found_out_before_anything_is_sent(address: str) -> None:
    assert post.opened(address) is None


def test_a_webhook_gets_title_and_text_as_they_are() -> None:
    with serving() as hook:
        assert send(hook.address) == ""
    (body,) = hook.bodies
    assert (body["title"], body["message"], body["type"]) == (MESSAGE.title, MESSAGE.body, "failure")


def test_an_xml_webhook_gets_it_escaped() -> None:
    with serving() as hook:
        assert send(hook.address.replace("json://", "xml://")) == ""
    assert b"<Subject>\xe5\xa4\xb1\xe8\xb4\xa5 &lt;b&gt;bold&lt;/b&gt;</Subject>" in hook.got[0][1]


def test_a_mail_arrives_and_is_no_html_of_a_strangers() -> None:
    with mail_server() as (port, mails):
        address = f"mailto://127.0.0.1:{port}?to=team@example.com&from=ascend@example.com&mode=insecure"
        assert send(address) == ""
    mail = email.message_from_string(mails[0], policy=email.policy.default)
    parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
    assert mail["Subject"] == MESSAGE.title
    assert "<!channel>" not in parts.get("text/html", "")
    assert "step" in "".join(parts.values())


@pytest.fixture
def chat(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Webhook]]:
    """A chat service's scheme, with its address at a server here that takes everything."""
    scheme: str = request.param
    place, path = CHAT[scheme]
    with serving() as hook:
        hook.answer = b"ok" if scheme == "slack" else b'{"errcode": 0, "errmsg": "ok", "code": 0}'
        monkeypatch.setattr(place, f"http://127.0.0.1:{hook.port}{path}")
        yield scheme, hook


@pytest.mark.parametrize("chat", CHAT, indirect=True)
def test_what_a_chat_service_gets_is_plain_text(chat: tuple[str, Webhook]) -> None:
    scheme, hook = chat
    assert send(DOCUMENTED[scheme]) == ""
    (body,) = hook.bodies
    text = json.dumps(body, ensure_ascii=False)
    assert "second line" in text
    assert body.get("msgtype", body.get("msg_type", "text")) == "text"
    if scheme == "slack":
        assert "<!channel>" not in text, "Slack reads this as a mention of everybody"


@pytest.mark.parametrize("chat", ["wecombot", "dingtalk", "feishu"], indirect=True)
@pytest.mark.parametrize(
    "answer",
    [b'{"errcode": 45009, "errmsg": "api freq out of limit"}', b'{"code": 19024, "msg": "api freq out of limit"}'],
    ids=["errcode", "code"],
)
def test_a_refusal_that_comes_with_a_status_of_200_is_no_success(chat: tuple[str, Webhook], answer: bytes) -> None:
    scheme, hook = chat
    hook.answer = answer
    assert "api freq out of limit" in send(DOCUMENTED[scheme])


@pytest.mark.parametrize("mode", ["500", "close", "garbage"])
def test_a_server_that_fails_has_not_taken_it(mode: str) -> None:
    with serving() as hook:
        hook.mode = mode  # type: ignore[assignment]
        why = send(hook.address)
    assert why
    assert "sEcReTtOkEn" not in why


def test_a_redirect_is_not_followed_for_it_would_lose_the_message() -> None:
    with serving() as hook:
        hook.mode = "redirect"
        assert send(hook.address)
    assert len(hook.got) == 1


@pytest.mark.parametrize(
    "address", [*DOCUMENTED.values(), "json://someone:hidden-word@127.0.0.1:9/sEcReTtOkEn?apikey=another-word"]
)
def test_no_part_of_an_address_is_said_but_a_webhooks_host(address: str) -> None:
    said = post.hidden(f"failed at {address} and again {address.partition('://')[2]}", address)
    for secret in ("SECsecret", "0123456789abcdef", "01234567", "TIiajkdn", "password", "hidden-word", "sEcReT"):
        assert secret not in said
    assert "another-word" not in said


def test_what_a_service_says_moves_no_cursor() -> None:
    assert "\x1b" not in post.hidden("a\x1b[2Jb\nc", "json://here")
    assert len(post.hidden("x" * 10_000, "json://here")) <= 300


@given(st.binary(max_size=200))
def test_whatever_a_service_answers_is_read_without_an_accident(body: bytes) -> None:
    assert isinstance(post.refusal(body), str)


@pytest.mark.parametrize("body", [b"", b"ok", b"[1]", b'{"errcode": 0}', b'{"code": "0"}', b"[" * 100_000, b"\xff"])
def test_what_refuses_nothing_is_no_refusal(body: bytes) -> None:
    assert post.refusal(body) == ""
