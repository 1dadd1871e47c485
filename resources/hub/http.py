"""GET requests to a party that is not trusted: bounded in bytes, time and redirects, with a secret for one origin only.

Here belongs the transport. Not here: what is asked for (`client.py`), or where bytes are kept (`download.py`).

`requests` bounds only the wait between two bytes, follows redirects with cookies from https to http, and sends what
it finds in ~/.netrc. So redirects are followed here, one by one; a watch shuts the socket at the deadline while headers
are awaited; and between any two chunks of a body the time is looked at.
"""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from resources.hub.errors import BadAnswer, BadRedirect, HubDown, HubRefused

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

MAX_REDIRECTS = 5
_CHUNK = 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = 429
_BROKEN = 500
_DENIED = frozenset({401, 403})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Deadline:
    """A moment of `time.monotonic()` after which nothing is waited for, and the most that one silence may last."""

    at: float
    silence: float = 20.0

    @classmethod
    def after(cls, seconds: float, silence: float = 20.0) -> "Deadline":
        """In so many seconds."""
        return cls(time.monotonic() + seconds, silence)

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return time.monotonic() >= self.at

    @property
    def left(self) -> float:
        """Seconds until then, above 0. Raises `HubDown` where there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise HubDown("the hub answers too slowly: the time for this is over")
        return left


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port: who is told a secret."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """The origin of an http(s) address without user or password. Raises `BadRedirect` for any other."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname or "", parts.port
        except ValueError as error:
            raise BadRedirect("an address that is none") from error
        if scheme not in {"http", "https"} or not host or parts.username is not None:
            raise BadRedirect(f"{scheme or 'no scheme'}://{host} is not an address to get a file from")
        return cls(scheme, host, port or (443 if scheme == "https" else 80))

    @property
    def is_safe(self) -> bool:
        """Whether nobody on the way reads what is sent there."""
        return self.scheme == "https" or self.host in _LOOPBACK

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """A response whose body is still to be read."""

    response: "Response"
    deadline: Deadline
    place: str

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.response.status_code)

    @property
    def range_start(self) -> int | None:
        """First byte of a partial answer; None where the whole file comes."""
        text = self.response.headers.get("Content-Range", "")
        start = text.removeprefix("bytes ").partition("-")[0].strip()
        return int(start) if self.status == 206 and start.isascii() and start.isdigit() else None  # noqa: PLR2004

    def chunks(self) -> Iterator[bytes]:
        """The body, as it comes, undecoded. Raises `HubDown`."""
        with _said_plainly(self.place):
            while data := self.response.raw.read1(_CHUNK):
                yield data
                self.deadline.left  # noqa: B018 - raises where the time is over
            missing = self.response.raw.length_remaining
        if missing:
            raise HubDown(f"{self.place}: the answer broke off, {missing} bytes are missing")

    def body(self, limit: int) -> bytes:
        """All of it. Raises `BadAnswer` for more bytes than `limit`, `HubDown`."""
        found = bytearray()
        for chunk in self.chunks():
            found += chunk
            if len(found) > limit:
                raise BadAnswer(f"{self.place}: the answer has more than {limit} bytes")
        return bytes(found)


@dataclass(frozen=True)
class Http:
    """Requests on behalf of one origin. `secret`: headers that only that origin sees, and only where it is safe."""

    origin: Origin
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    agent: str = "ascend-assets"

    @contextmanager
    def get(self, url: str, deadline: Deadline, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """The answer to a GET, redirects followed. `place` in messages is the first address without its query.

        Raises `HubDown` (no answer, 429, 5xx), `BadRedirect`, and `HubRefused` for every other status that is no
        success but 416, which whoever asks for a range expects.
        """
        place = url.partition("?")[0]
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(url, deadline, headers or {}, place)
            try:
                if response.status_code not in _REDIRECTS:
                    _refuse(response.status_code, place)
                    yield Answer(response, deadline, place)
                    return
                url = urljoin(url, response.headers.get("Location", ""))
            finally:
                response.close()
        raise BadRedirect(f"{place} leads from one address to the next, more than {MAX_REDIRECTS} times")

    def _send(self, url: str, deadline: Deadline, headers: Mapping[str, str], place: str) -> "Response":
        origin = Origin.of(url)
        trusted = origin == self.origin and origin.is_safe
        sent = {
            "User-Agent": self.agent,
            "Accept-Encoding": "identity",
            **(self.secret if trusted else {}),
            **headers,
        }
        wait = min(deadline.left, deadline.silence)
        with _said_plainly(place), _watched(deadline):
            response = self._session.get(
                url, headers=sent, timeout=(wait, wait), stream=True, allow_redirects=False, auth=_no_auth
            )
        if deadline.is_over:  # headers that were shut off read as an answer without a body
            response.close()
        deadline.left  # noqa: B018 - raises where the time is over
        return response

    @cached_property
    def _session(self) -> "Session":
        from http.cookiejar import DefaultCookiePolicy

        import requests

        session = requests.Session()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            session.mount(scheme, _adapter())
        return session


def _no_auth(request: "PreparedRequest") -> "PreparedRequest":
    """In place of what `requests` would take from ~/.netrc."""
    return request


def _refuse(status: int, place: str) -> None:
    if status == _BUSY or status >= _BROKEN:
        raise HubDown(f"{place}: the hub answers with status {status}")
    if status in _DENIED:
        raise HubRefused(f"{place}: status {status}: the hub wants a token that may read this (hub.token_env)")
    if status == 416:  # noqa: PLR2004 - Range Not Satisfiable
        return
    if not 200 <= status < 300:  # noqa: PLR2004 - success
        raise HubRefused(f"{place}: status {status}: there is no such model, version or file")


@contextmanager
def _said_plainly(place: str) -> Iterator[None]:
    """Errors of the libraries below as ours: theirs hold whole addresses, which may hold a signature."""
    import requests
    import urllib3

    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise HubDown(f"{place}: no whole answer: {type(error).__name__}") from None


_watch = threading.local()


@contextmanager
def _watched(deadline: Deadline) -> Iterator[None]:
    _watch.deadline = deadline
    try:
        yield
    finally:
        _watch.deadline = None


def _adapter() -> Any:  # noqa: ANN401 - a class of `requests`, which is not imported before it is used
    """Transport whose wait for headers ends at the deadline, however they trickle, and that tries nothing twice."""
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.poolmanager import ProxyManager

    class _Plain(HTTPConnection):
        def getresponse(self) -> Any:  # noqa: ANN401 - as declared above it
            with _shut_at_deadline(self.sock):
                return super().getresponse()

    class _Secure(HTTPSConnection):
        def getresponse(self) -> Any:  # noqa: ANN401 - as declared above it
            with _shut_at_deadline(self.sock):
                return super().getresponse()

    class _PlainPool(HTTPConnectionPool):
        ConnectionCls = _Plain

    class _SecurePool(HTTPSConnectionPool):
        ConnectionCls = _Secure

    watched = {"http": _PlainPool, "https": _SecurePool}

    class _Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = watched

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
            manager = super().proxy_manager_for(*args, **kwargs)
            if type(manager) is ProxyManager:  # one for SOCKS has connections of its own
                manager.pool_classes_by_scheme = watched
            return manager

    return _Adapter(max_retries=0)


@contextmanager
def _shut_at_deadline(sock: Any) -> Iterator[None]:  # noqa: ANN401 - plain or TLS
    deadline: Deadline | None = getattr(_watch, "deadline", None)
    if deadline is None or sock is None:
        yield
        return
    timer = threading.Timer(deadline.left, _shut, [sock])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(sock: Any) -> None:  # noqa: ANN401 - plain or TLS
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
