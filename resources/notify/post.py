"""Messages through Apprise, in a process of its own: whatever a service does, the process can be ended.

Here belong Apprise, what a service answers, and keeping an address out of what is said of it. Started as
`python -m resources.notify.post` by `channels.py`: the address is in the environment, the messages come on stdin, and
one line of JSON per message goes to stdout. Not here: which messages (`outbox.py`), or when to try again.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, TypeAdapter

from resources.notify.notice import Severity

if TYPE_CHECKING:
    from apprise import Apprise

ADDRESS = "ASCEND_NOTICE_ADDRESS"
"""Variable that hands the address to the child: an argument would be seen by every user of the machine."""
UNUSABLE = "the address is none that Apprise knows: see docs/notices.md for how it is written"
_ERRCODES = ("errcode", "code", "StatusCode")
"""Fields by which WeCom, DingTalk and Feishu refuse a message with a status of 200, which Apprise takes for success."""
_ANSWERS_IN_BODY = frozenset({"wecombot", "dingtalk", "feishu", "lark"})
_NAME_A_HOST = frozenset({"form", "forms", "json", "jsons", "mailto", "mailtos", "xml", "xmls"})
"""Schemes whose addresses name a host where others have a token."""
_MAX_ANSWER = 64 * 1024
_MAX_WHY = 300
_SHORTEST_SECRET = 4


class Message(BaseModel):
    """What is sent: plain text. `id` comes back with how it went."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    severity: Severity
    title: str
    body: str


class Posted(BaseModel):
    """How it went. `why` is empty for a message that the service took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    why: str = ""


MESSAGES: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...])


def opened(address: str) -> "Apprise | None":
    """Apprise for one address; None where it is none."""
    from apprise import Apprise, AppriseAsset

    # A redirected POST becomes a GET without its body, which looks like success: it is an error instead.
    asset = AppriseAsset(app_id="Ascend", app_desc="ascend_assets", async_mode=False, http_redirects=False)
    found = Apprise(asset=asset)
    return found if found.add(address) and len(found) else None


def post(apprise: "Apprise", message: Message, address: str) -> str:
    """Send one message; why it was not taken, empty where it was."""
    from apprise import NotifyFormat, NotifyType

    kinds = {"info": NotifyType.INFO, "warning": NotifyType.WARNING, "error": NotifyType.FAILURE}
    with _heard() as said, _answers() as bodies:
        taken = apprise.notify(
            body=message.body,
            title=message.title,
            notify_type=kinds[message.severity],
            # What a run or a service said stands in the text: it is not to be read as markup.
            body_format=NotifyFormat.TEXT,
            interpret_escapes=False,
        )
    if not taken:
        return hidden(said[-1] if said else "the service did not take it and did not say why", address)
    if scheme(address) in _ANSWERS_IN_BODY:
        return hidden(next(filter(None, map(refusal, bodies)), ""), address)
    return ""


def refusal(body: bytes) -> str:
    """Why a chat service refuses in an answer that says 200; empty where it does not."""
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(answer, dict):
        return ""
    for name in _ERRCODES:
        code = answer.get(name)
        if code not in (None, 0, "0"):
            said = answer.get("errmsg") or answer.get("msg") or answer.get("StatusMessage") or ""
            return f"the service refused it: {name} {str(code)[:20]} {str(said)[:200]}".strip()
    return ""


def scheme(address: str) -> str:
    """The word before `://`."""
    return address.partition("://")[0].strip().lower()


def hidden(text: str, address: str) -> str:
    """One bounded line without the address or any part of it that may be secret, and without control characters."""
    line = " ".join(text[: 4 * _MAX_WHY].split())
    for part in sorted(_parts(address), key=len, reverse=True):
        line = line.replace(part, "<secret>")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)[:_MAX_WHY]


def _parts(address: str) -> Iterator[str]:
    yield address
    try:
        split = urlsplit(address)
    except ValueError:
        return
    # In chat services' addresses even what stands for the host is a token.
    pieces = re.split(r"[/@:?&=,]", address.partition("://")[2])
    local = {split.hostname} if scheme(address) in _NAME_A_HOST else set()
    for piece in pieces:
        for spelt in {piece, unquote(piece)}:
            if len(spelt) >= _SHORTEST_SECRET and spelt not in local:
                yield spelt


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What Apprise says of failures: it logs them."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    log, ear = logging.getLogger("apprise"), Ear(logging.WARNING)
    log.addHandler(ear)
    log.propagate = False
    try:
        yield said
    finally:
        log.removeHandler(ear)


@contextmanager
def _answers() -> Iterator[list[bytes]]:
    """The bodies of HTTP answers, which Apprise reads and keeps to itself."""
    import requests

    bodies: list[bytes] = []
    original = requests.Session.request

    def request(session: requests.Session, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - handed on
        answer = original(session, *args, **kwargs)
        bodies.append((answer.content or b"")[:_MAX_ANSWER])
        return answer

    requests.Session.request = request  # type: ignore[method-assign,assignment]
    try:
        yield bodies
    finally:
        requests.Session.request = original  # type: ignore[method-assign]


def main() -> None:
    """Send what stands on stdin; one line per message, as soon as it is known how it went."""
    address = os.environ.pop(ADDRESS, "")
    messages = MESSAGES.validate_json(sys.stdin.buffer.read())
    apprise = opened(address)
    for message in messages:
        why = UNUSABLE if apprise is None else post(apprise, message, address)
        sys.stdout.write(Posted(id=message.id, why=why).model_dump_json() + "\n")
        sys.stdout.flush()
    if not messages:
        sys.stdout.write(Posted(id="", why=UNUSABLE if apprise is None else "").model_dump_json() + "\n")


if __name__ == "__main__":
    main()
