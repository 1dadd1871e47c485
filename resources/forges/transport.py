"""One HTTP request to a forge: bounded in bytes and in time, never redirected, with the token for nobody else.

Here belongs the transport, and what an answer's status means on every forge. Not here: what is sent (`github.py`,
`gitlab.py`, `gitee.py`). A redirect is not followed, for the token would go along; it is told instead.
"""

import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from resources.forges.errors import ForgeBusy, ForgeDenied, ForgeError, StatusRefused

SECONDS = 10.0
"""How long one request may take, from the first byte sent to the last one read."""
MAX_ANSWER = 1024 * 1024
LONGEST_WAIT = 3600.0
"""Seconds that a forge can make us wait, whatever it asks for."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TOKEN = re.compile(r"[\x21-\x7e]{1,1000}")
_SHOWN = 200
_AGENT = "ascend-assets"


@dataclass(frozen=True)
class Request:
    """What is sent. `body` is JSON; `secret`: the header that holds the token."""

    method: str
    url: str
    secret: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came back. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def message(self) -> str:
        """What the forge says of an error, in a line; empty where it says nothing that can be read."""
        found = self.json()
        told = (found.get("message") or found.get("error")) if isinstance(found, dict) else None
        text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False) if told else ""
        return "".join(c if c.isprintable() else " " for c in text)[:_SHOWN]


def checked_token(token: str, variable: str) -> str:
    """A token that can stand in a header. Raises `ForgeDenied`, which names the variable and not what it holds."""
    text = token.strip()
    if not _TOKEN.fullmatch(text):
        what = "is not set" if not text else "holds what can be no token"
        raise ForgeDenied(f"the environment variable {variable or 'that status.token_env should name'} {what}")
    return text


def send(request: Request, seconds: float = SECONDS) -> Answer:
    """Send it and read the answer, whatever its status. Raises `ForgeBusy`, `ForgeDenied`."""
    parts = urlsplit(request.url)
    place = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ForgeDenied(f"{place}: http would show the token to everybody on the way: let status.api be https")
    body = json.dumps(request.body).encode() if request.body is not None else None
    headers = {"User-Agent": _AGENT, "Accept": "application/json", **request.headers, **request.secret}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        with _connected(parts, seconds) as connection:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(request.method, target, body, headers)
            response = connection.getresponse()
            found = response.read(MAX_ANSWER + 1)
            if len(found) > MAX_ANSWER:
                raise ForgeBusy(f"{place}: an answer of more than {MAX_ANSWER:,} bytes")
            if response.length:
                raise http.client.IncompleteRead(found, response.length)
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, found)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ForgeBusy(f"{place}: no whole answer: {_spelt(error)}") from None


def judge(answer: Answer, place: str) -> None:
    """Nothing for a success. Raises what the status says: `ForgeBusy`, `ForgeDenied`, `StatusRefused`."""
    status, said = answer.status, f": {answer.message}" if answer.message else ""
    if 200 <= status < 300:  # noqa: PLR2004 - success
        return
    kind: type[ForgeError]
    if status == 429 or (status == 403 and _is_limited(answer)):  # noqa: PLR2004 - Too Many Requests, Forbidden
        raise ForgeBusy(f"{place}: status {status}: too many requests{said}", wait(answer.headers, time.time()))
    if status >= 500 or status in {408, 409, 425}:  # noqa: PLR2004 - of its own, a time-out, a conflict, too early
        raise ForgeBusy(f"{place}: status {status}{said}", wait(answer.headers, time.time()))
    if status in {401, 403, 404}:
        kind, what = ForgeDenied, "is the project right, and may the token set statuses?"
    elif 300 <= status < 400:  # noqa: PLR2004 - redirects
        kind, what = ForgeDenied, "a redirect, which is not followed with a token: correct status.api or status.project"
    else:
        kind, what = StatusRefused, "it takes no such status"
    raise kind(f"{place}: status {status}{said}: {what}")


def wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until the forge wants to be asked again: `Retry-After`, else the reset of its limit; None for neither.

    GitHub says `x-ratelimit-remaining: 0` with `x-ratelimit-reset` in unix seconds, GitLab `RateLimit-Reset` likewise.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return _bounded(float(text[:9]))
    if text:
        with suppress(ValueError, TypeError, OverflowError):
            at = parsedate_to_datetime(text)
            return _bounded((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now)
    reset = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
    return _bounded(float(reset[:12]) - now) if reset.isascii() and reset.isdigit() else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 1.0), LONGEST_WAIT)


def _is_limited(answer: Answer) -> bool:
    told = "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    return told or "rate limit" in answer.message.lower()


def _spelt(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return error.strerror
    return type(error).__name__


@contextmanager
def _connected(parts: SplitResult, seconds: float) -> Iterator[http.client.HTTPConnection]:
    """A connection that is shut when the time is over, however slowly the other side sends."""
    end = time.monotonic() + seconds
    connection = _opened(parts, seconds)
    timer: threading.Timer | None = None
    try:
        connection.connect()
        # Held here, for the connection forgets its socket once the other side says that it will close it.
        timer = threading.Timer(max(end - time.monotonic(), 0.0), _shut, [connection.sock])
        timer.daemon = True
        timer.start()
        yield connection
    finally:
        if timer is not None:
            timer.cancel()
        connection.close()


def _opened(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    proxy = _proxy(parts)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        if proxy is None:
            return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
        made = http.client.HTTPSConnection(proxy.hostname or "", proxy.port, timeout=seconds, context=context)
        made.set_tunnel(host, port, _credentials(proxy))
        return made
    return http.client.HTTPConnection(host, port, timeout=seconds)


def _proxy(parts: SplitResult) -> SplitResult | None:
    """The proxy of the environment for an https address; what is on this machine needs none."""
    address = getproxies().get(parts.scheme, "")
    if not address or parts.scheme != "https" or proxy_bypass(parts.hostname or ""):
        return None
    return urlsplit(address if "://" in address else f"http://{address}")


def _credentials(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    from base64 import b64encode

    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def iso(at: float) -> str:
    """A time as forges want it: ISO 8601, UTC, whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
