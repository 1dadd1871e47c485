"""An HTTP client for one endpoint: bounded in bytes and time, never redirected, with nothing sent that was not meant.

Here belongs what the client library is given to send with. Not here: what is sent (`client.py`).

The library adds headers of its own from the machine and from OPENAI_* variables; only the few named here leave it. Its
time-outs bound single reads, so that a body that drips is never too slow: sockets are shut at the deadline instead.
"""

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from resources.copilot.errors import BadAnswer, CopilotRefused
from resources.copilot.messages import MAX_ANSWER
from resources.copilot.settings import LOOPBACK, Settings

if TYPE_CHECKING:
    import httpx2

AGENT = "ascend-assets"
_SENT = frozenset({"host", "content-type", "content-length"})


class Sockets:
    """The open sockets of one question, which its deadline shuts, whatever they wait for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._over = False

    def traced(self, event: str, info: dict[str, Any]) -> None:
        """What the transport tells of its connections: a plain one, then the same with TLS."""
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        made = info["return_value"].get_extra_info("socket")
        if made is None:  # TLS inside of TLS, whose outer socket is known
            return
        with self._lock:
            self._open.append(made)
            over = self._over
        if over:
            _shut(made)

    def shut(self) -> None:
        """End whatever is being read or written, and what may be opened later."""
        with self._lock:
            self._over = True
            every = list(self._open)
        for one in every:
            _shut(one)


def _shut(made: socket.socket) -> None:
    with suppress(OSError):
        made.shutdown(socket.SHUT_RDWR)


def client(settings: Settings, sockets: Sockets) -> "httpx2.Client":
    """A client that the OpenAI library sends with."""
    import httpx2

    plain = httpx2.HTTPTransport(verify=ssl.create_default_context(), trust_env=False, proxy=_proxy(settings.url))

    class Guarded(httpx2.BaseTransport):
        """Sends to the configured address alone."""

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if not str(request.url).startswith(f"{settings.url}/"):
                raise CopilotRefused(f"{settings.place}: a request for another address is not sent")
            sent = httpx2.Request(
                request.method,
                request.url,
                headers=_headers(request.headers, settings.key),
                stream=request.stream,
                extensions={**request.extensions, "trace": sockets.traced},
            )
            response = plain.handle_request(sent)
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                response.close()
                raise BadAnswer(f"{settings.place}: an encoded answer, which was not asked for")
            response.stream = _bounded(response.stream, settings.place)
            return response

        def close(self) -> None:
            plain.close()

    return httpx2.Client(transport=Guarded(), follow_redirects=False, trust_env=False, timeout=settings.seconds)


def _headers(wanted: Mapping[str, str], key: str) -> dict[str, str]:
    """Those that are needed, and the key where there is one."""
    headers = {name: value for name, value in wanted.items() if name.lower() in _SENT}
    headers |= {"accept": "application/json", "accept-encoding": "identity", "user-agent": AGENT}
    return headers | ({"authorization": f"Bearer {key}"} if key else {})


def _bounded(stream: Any, place: str) -> "httpx2.SyncByteStream":  # noqa: ANN401 - that of a sync client
    import httpx2

    class Bounded(httpx2.SyncByteStream):
        """A body that ends with an error where it grows too large."""

        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for chunk in stream:
                size += len(chunk)
                if size > MAX_ANSWER:
                    raise BadAnswer(f"{place}: an answer of more than {MAX_ANSWER:,} bytes")
                yield chunk

        def close(self) -> None:
            stream.close()

    return Bounded()


def _proxy(url: str) -> str | None:
    """The environment's proxy for an https address; what is on this machine needs none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    address = getproxies().get("https", "") if parts.scheme == "https" else ""
    if not address or host in LOOPBACK or proxy_bypass(host):
        return None
    return address if "://" in address else f"http://{address}"
