"""Prometheus by its HTTP API: instant and range queries, bounded in time and bytes, answers made into types.

Here belong the transport and the answer's form. Not here: what is asked (`ascend_assets/production/queries.py`), or
what a figure means. The format is that of https://prometheus.io/docs/prometheus/latest/querying/api/: `{"status":
"success", "data": {"resultType": ..., "result": ...}, "warnings": [...]}`, values as text, so that NaN can be told.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

SECONDS = 10.0
"""For one query, from the first byte sent to the last one read."""
MOST_BYTES = 8 * 1024**2
_CHUNK = 64 * 1024
_SAID = 300
_DENIED = frozenset({401, 403})
_ERROR = 400
_REDIRECT = range(300, 400)
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


class PrometheusError(Exception):
    """Base of all. The message holds neither the token nor the address's query."""


class PrometheusDown(PrometheusError):
    """No answer, one that came too slowly or broke off, or an error of its own. The same may work later."""


class PrometheusRefused(PrometheusError):
    """It answers, and not this: the query is wrong, it takes too long, or we may not ask."""


class BadAnswer(PrometheusError):
    """An answer that is not what the API documents."""


@dataclass(frozen=True)
class Series:
    """One time series: its labels, and (unix seconds, value), which may be NaN or infinite."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Answer:
    """What a query gave. A scalar is one series without labels."""

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


_Point = tuple[float, Annotated[str, Field(max_length=100)]]
_Labels = dict[str, str]


class _Sample(_Form):
    metric: _Labels
    value: _Point


class _Range(_Form):
    metric: _Labels
    values: tuple[_Point, ...]


class _Vector(_Form):
    resultType: Literal["vector"]  # noqa: N815 - the API's name
    result: tuple[_Sample, ...]


class _Matrix(_Form):
    resultType: Literal["matrix"]  # noqa: N815 - the API's name
    result: tuple[_Range, ...]


class _Scalar(_Form):
    resultType: Literal["scalar"]  # noqa: N815 - the API's name
    result: _Point


class _Success(_Form):
    status: Literal["success"]
    data: Annotated[_Vector | _Matrix | _Scalar, Field(discriminator="resultType")]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prometheus:
    """A server. `url` may have a path (`https://host/prometheus`); `token` is sent as a bearer, and to it alone."""

    url: str
    token: str = field(default="", repr=False)
    seconds: float = SECONDS

    def query(self, promql: str, at: float | None = None) -> Answer:
        """The value at a moment (unix seconds; now if None). Raises `PrometheusError`."""
        return self._ask("query", {"query": promql, **({} if at is None else {"time": f"{at:.3f}"})})

    def query_range(self, promql: str, start: float, end: float, step: float) -> Answer:
        """Values from `start` to `end`, `step` seconds apart. Raises `PrometheusError`."""
        moments = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return self._ask("query_range", {"query": promql, **moments})

    def _ask(self, what: str, form: Mapping[str, str]) -> Answer:
        status, body = _within(self.seconds, lambda: self._post(what, form))
        return _understood(status, body, self.place)

    @property
    def place(self) -> str:
        """Scheme, host and port: what messages name."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def _post(self, what: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        parts = urlsplit(self.url)
        if self.token and parts.scheme != "https" and parts.hostname not in _HERE:
            raise PrometheusRefused(f"{self.place}: its token would be sent for all to read: give an https address")
        deadline = time.monotonic() + self.seconds
        # What nobody encodes needs no bound on what it decodes to.
        headers = {"Accept-Encoding": "identity", "User-Agent": "ascend-assets"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        with _said_plainly(self.place):
            response = self._session.post(
                f"{self.url.rstrip('/')}/api/v1/{what}",
                data=dict(form),
                headers=headers,
                timeout=self.seconds,
                stream=True,
                allow_redirects=False,  # a token is for this server alone
                auth=_no_auth,
            )
            with response:
                return response.status_code, self._body(response, deadline)

    def _body(self, response: "Response", deadline: float) -> bytes:
        found = bytearray()
        while chunk := response.raw.read1(_CHUNK):
            found += chunk
            if len(found) > MOST_BYTES:
                raise BadAnswer(f"{self.place}: the answer has more than {MOST_BYTES} bytes: aggregate in the query")
            if time.monotonic() > deadline:
                raise PrometheusDown(f"{self.place}: no whole answer within {self.seconds:g} s")
        if response.raw.length_remaining:
            raise PrometheusDown(f"{self.place}: the answer broke off")
        return bytes(found)

    @cached_property
    def _session(self) -> "Session":
        import requests

        return requests.Session()


def _no_auth(request: "PreparedRequest") -> "PreparedRequest":
    """In place of what `requests` would take from ~/.netrc."""
    return request


@contextmanager
def _said_plainly(place: str) -> Iterator[None]:
    """Errors of the libraries below as ours: theirs hold whole addresses."""
    import requests
    import urllib3

    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise PrometheusDown(f"{place}: no whole answer: {type(error).__name__}") from None


def _within(seconds: float, work: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
    """The work's result, waited for so long: headers that trickle byte by byte meet no other bound."""
    done: list[tuple[int, bytes]] = []
    failed: list[Exception] = []

    def _run() -> None:
        try:
            done.append(work())
        except Exception as error:  # noqa: BLE001 - raised again below, in the thread that waits
            failed.append(error)

    thread = threading.Thread(target=_run, daemon=True)
    thread.start()
    thread.join(seconds + 1)
    if failed:
        raise failed[0]
    if not done:
        raise PrometheusDown(f"no answer within {seconds:g} s")
    return done[0]


def _understood(status: int, body: bytes, place: str) -> Answer:
    if status in _DENIED:
        raise PrometheusRefused(f"{place}: status {status}: it wants a token that may ask (prometheus.token_env)")
    if status in _REDIRECT:
        raise PrometheusRefused(f"{place}: it answers at another address: give the final one (prometheus.url)")
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if status >= _ERROR or (isinstance(document, dict) and document.get("status") == "error"):
        raise _error(status, document, place)
    try:
        return _answer(_Success.model_validate(document))
    except (ValidationError, ValueError) as error:
        said = error.errors(include_input=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise BadAnswer(f"{place}: not what Prometheus's API documents ({said[:_SAID]}): is it one?") from None


def _error(status: int, document: Any, place: str) -> PrometheusError:  # noqa: ANN401 - any JSON
    """Prometheus says 400 and 422 for a wrong query, 503 for one that took too long; a proxy says what it likes."""
    if not isinstance(document, dict) or not isinstance(document.get("error"), str):
        return PrometheusDown(f"{place}: status {status}")
    said = " ".join(document["error"].split())[:_SAID]
    kind = str(document.get("errorType", ""))[:40]
    if kind in {"bad_data", "execution", "timeout", "canceled"}:
        return PrometheusRefused(f"{place}: {kind}: {said}")
    return PrometheusDown(f"{place}: status {status}: {said}")


def _answer(found: _Success) -> Answer:
    data = found.data
    if isinstance(data, _Scalar):
        series: tuple[Series, ...] = (Series({}, (_point(data.result),)),)
    elif isinstance(data, _Vector):
        series = tuple(Series(one.metric, (_point(one.value),)) for one in data.result)
    else:
        series = tuple(Series(one.metric, tuple(map(_point, one.values))) for one in data.result)
    return Answer(series, tuple(text[:_SAID] for text in found.warnings[:10]))


def _point(found: _Point) -> tuple[float, float]:
    moment, text = found
    return moment, float(text)
