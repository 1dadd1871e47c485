"""One question, one answer: cached, paid for, tried again a few times, and over when its time is over.

Here belongs the order of these steps around the OpenAI client library. Not here: the transport (`transport.py`), or
what is asked (`ascend_assets/copilot`).
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resources.copilot import cache, cost, messages
from resources.copilot import settings as settings_module
from resources.copilot.errors import CopilotDown, CopilotError, CopilotRefused
from resources.copilot.messages import Answer, Question
from resources.copilot.settings import Settings
from resources.copilot.transport import Sockets, client
from resources.home import home

TRIES = 3
_BACKOFF = 0.5
_LONGEST_WAIT = 20.0
_CONNECT = 10.0
_BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_UNSUITED = frozenset({400, 422})
_BYTES_PER_TOKEN = 4
"""No endpoint's own count is believed to be less than this."""


@dataclass(frozen=True)
class Wishes:
    """What is asked of an endpoint that not all of them know. Each is given up where the endpoint objects to it."""

    structured: bool = True
    max_tokens: str = "max_tokens"
    temperature: bool = True

    def less(self, objection: str) -> "Wishes | None":
        """Without what an endpoint's objection names, structured output where it names nothing; None for no less."""
        if "max_completion_tokens" in objection and self.max_tokens == "max_tokens":
            return Wishes(self.structured, "max_completion_tokens", self.temperature)
        if "temperature" in objection and self.temperature:
            return Wishes(self.structured, self.max_tokens, temperature=False)
        return Wishes(False, self.max_tokens, self.temperature) if self.structured else None


class _Busy(CopilotDown):
    """Worth another try, after so many seconds where the endpoint says so."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        self.wait = wait
        super().__init__(message)


class _Unsuited(CopilotRefused):
    """The endpoint does not take the request as it is."""

    def __init__(self, message: str, objection: str) -> None:
        self.objection = objection
        super().__init__(message)


@dataclass(frozen=True)
class Copilot:
    """A configured endpoint. `folder`: where answers and costs are kept."""

    settings: Settings
    folder: Path
    now: Callable[[], float] = field(default=time.time, repr=False)

    def ask(self, question: Question) -> Answer:
        """The answer's JSON object. Raises a `CopilotError`, `OSError` where the folder cannot be written."""
        if question.size > messages.MAX_QUESTION:
            raise CopilotRefused(f"a question of {question.size:,} bytes is not asked")
        key = question.key(self.settings.model, self.settings.max_tokens)
        kept = cache.get(self.folder / "answers", key)
        if kept is not None:
            return Answer(kept, 0, cached=True)
        content, tokens = self._paid(question)
        cache.put(self.folder / "answers", key, content)
        return Answer(content, tokens, cached=False)

    def _paid(self, question: Question) -> tuple[dict[str, Any], int]:
        reserved = question.size // 2 + self.settings.max_tokens
        url = self.settings.url
        cost.reserve(self.folder, reserved, daily=self.settings.daily_tokens, url=url, now=self.now())
        try:
            body = _sent(question, self.settings)
            content, told = messages.read(body)
        except CopilotError as error:
            # What an endpoint refuses it does not compute; of anything else nobody knows what it cost.
            used = 0 if isinstance(error, CopilotRefused | _Busy) else reserved
            cost.settle(self.folder, reserved=reserved, used=used, url=url, now=self.now(), failure=str(error))
            raise
        used = max(told, (question.size + len(body)) // _BYTES_PER_TOKEN)
        cost.settle(self.folder, reserved=reserved, used=used, url=url, now=self.now())
        return content, used


def opened(environ: Mapping[str, str] | None = None) -> Copilot | None:
    """The configured copilot; None where there is none. Raises `CopilotMisconfigured`."""
    found = settings_module.read(os.environ if environ is None else environ)
    return Copilot(found, home().state / "copilot") if found else None


def _sent(question: Question, settings: Settings) -> bytes:
    """The body of an answer, tried again within the time. Raises a `CopilotError`."""
    end = time.monotonic() + settings.seconds
    wishes, tries = Wishes(), 0
    while True:
        try:
            return _within(question, settings, wishes, end - time.monotonic())
        except _Unsuited as error:
            less = wishes.less(error.objection)
            if less is None:
                raise
            wishes = less
        except _Busy as error:
            tries += 1
            pause = error.wait if error.wait is not None else _BACKOFF * 2**tries
            if tries >= TRIES or pause > _LONGEST_WAIT or time.monotonic() + pause >= end:
                raise
            time.sleep(pause)


def _within(question: Question, settings: Settings, wishes: Wishes, seconds: float) -> bytes:
    """Send in a thread that is not waited for beyond the time: its sockets are shut, and it ends by itself."""
    late = CopilotDown(f"{settings.place}: no whole answer within {settings.seconds:g} s")
    if seconds <= 0:
        raise late
    sockets = Sockets()
    found: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            found.put(_once(question, settings, wishes, sockets))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits, and raised there
            found.put(error)

    threading.Thread(target=work, name="copilot", daemon=True).start()
    try:
        answer = found.get(timeout=seconds)
    except queue.Empty:
        raise late from None
    finally:
        sockets.shut()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _once(question: Question, settings: Settings, wishes: Wishes, sockets: Sockets) -> bytes:
    import openai

    with (
        client(settings, sockets) as http,
        openai.OpenAI(
            api_key=settings.key or "none",
            base_url=settings.url,
            timeout=openai.Timeout(settings.seconds, connect=min(_CONNECT, settings.seconds)),
            max_retries=0,
            http_client=http,
        ) as library,
    ):
        try:
            answer = library.chat.completions.with_raw_response.create(**_request(question, settings, wishes))
        except openai.APIStatusError as error:
            raise _refusal(error.status_code, error.response.headers, error.response.text, settings.place) from None
        except openai.APIConnectionError as error:
            why = type(error.__cause__ or error).__name__
            raise _Busy(f"{settings.place}: no whole answer: {why}") from None
        return bytes(answer.content)


def _request(question: Question, settings: Settings, wishes: Wishes) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "model": settings.model,
        "messages": question.messages(),
        wishes.max_tokens: settings.max_tokens,
    }
    if wishes.temperature:
        asked["temperature"] = 0
    if wishes.structured:
        form = {"name": question.name, "schema": question.schema, "strict": False}
        asked["response_format"] = {"type": "json_schema", "json_schema": form}
    return asked


def _refusal(status: int, headers: Mapping[str, str], text: str, place: str) -> CopilotError:
    """What a status says; an endpoint's own words are read for what it objects to, and shown to nobody."""
    said = f"{place}: status {status}"
    if status in _BUSY:
        wait = headers.get("retry-after", "").strip()
        return _Busy(said, float(wait[:6]) if wait.isascii() and wait.isdigit() else None)
    if status in _UNSUITED:
        return _Unsuited(f"{said}: it takes no such request", text[:2000])
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        return CopilotRefused(f"{said}: a redirect, which is not followed: correct {settings_module.URL}")
    if 400 <= status < 500:  # noqa: PLR2004 - of the request
        return CopilotRefused(f"{said}: {_ADVICE.get(status, 'it refuses the request')}")
    return CopilotDown(f"{said}, which is no answer")


_WRONG_KEY = f"is the key right ({settings_module.KEY_ENV})?"
_WRONG_PLACE = f"are the address ({settings_module.URL}) and the model ({settings_module.MODEL}) right?"
_ADVICE = {401: _WRONG_KEY, 403: _WRONG_KEY, 404: _WRONG_PLACE}
