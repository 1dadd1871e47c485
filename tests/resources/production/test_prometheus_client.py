"""Prometheus's HTTP API, spoken by a server that misbehaves on demand: every answer is a type or a named error."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from resources.production import prometheus as module
from resources.production.prometheus import (
    Answer,
    BadAnswer,
    Prometheus,
    PrometheusDown,
    PrometheusError,
    PrometheusRefused,
)

Reply = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A server whose next answers a test says; it remembers what it was asked."""

    def __init__(self) -> None:
        self.reply: Reply = body(200, vector("1"))
        self.asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.asked.append((self.path, parse_qs(form), dict(self.headers)))
                outer.reply(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def client(self, token: str = "", seconds: float = 10.0) -> Prometheus:
        return Prometheus(self.url, token, seconds)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()


def vector(*values: str, **more: Any) -> bytes:
    result = [{"metric": {"n": str(n)}, "value": [1700000000.5, value]} for n, value in enumerate(values)]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}, **more}).encode()


def body(status: int, data: bytes, **headers: str) -> Reply:
    def _reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return _reply


def test_a_query_is_posted_with_its_time_and_token(server: Server) -> None:
    answer = server.client("s3cret").query('up{model="tiny"}', at=1700000000.0)
    assert answer.series[0].points == ((1700000000.5, 1.0),)
    path, form, headers = server.asked[0]
    assert path == "/api/v1/query"
    assert form == {"query": ['up{model="tiny"}'], "time": ["1700000000.000"]}
    assert headers["Authorization"] == "Bearer s3cret"


def test_a_range_has_many_points(server: Server) -> None:
    result = [{"metric": {}, "values": [[1, "1"], [2, "NaN"]]}]
    server.reply = body(
        200, json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
    )
    answer = server.client().query_range("up", 1, 2, 1)
    assert server.asked[0][1] == {"query": ["up"], "start": ["1.000"], "end": ["2.000"], "step": ["1.000"]}
    assert [moment for moment, _ in answer.series[0].points] == [1, 2]


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "0", "1e-9"])
def test_every_number_of_prometheus_is_one(server: Server, text: str) -> None:
    server.reply = body(200, vector(text))
    assert str(server.client().query("x").series[0].points[0][1]) == str(float(text))


def test_nothing_found_is_an_empty_answer_and_warnings_are_kept(server: Server) -> None:
    server.reply = body(200, vector(warnings=["one shard is down"]))
    assert server.client().query("x") == Answer((), ("one shard is down",))


def test_a_scalar_is_one_series(server: Server) -> None:
    server.reply = body(200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}')
    assert server.client().query("2").series[0].points == ((1.0, 2.0),)


ERROR = b'{"status":"error","errorType":"bad_data","error":"1:3: parse error: unexpected <EOF>"}'
BUSY = b'{"status":"error","errorType":"unavailable","error":"TSDB not ready"}'


@pytest.mark.parametrize(
    ("reply", "kind", "why"),
    [
        (body(400, ERROR), PrometheusRefused, "bad_data: 1:3: parse error"),
        (body(200, ERROR), PrometheusRefused, "bad_data"),
        (body(503, BUSY), PrometheusDown, "TSDB not ready"),
        (body(500, b"oops"), PrometheusDown, "status 500"),
        (body(404, b"<html>"), PrometheusDown, "status 404"),
        (body(401, b""), PrometheusRefused, "prometheus.token_env"),
        (body(403, b""), PrometheusRefused, "prometheus.token_env"),
        (body(302, b"", Location="http://elsewhere.example/"), PrometheusRefused, "give the final one"),
        (body(200, b"<html>a login page</html>"), BadAnswer, "not what Prometheus's API documents"),
        (body(200, b""), BadAnswer, "not what"),
        (body(200, b"[" * 100_000), BadAnswer, "not what"),
        (
            body(200, b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}'),
            BadAnswer,
            "Field",
        ),
        (body(200, b'{"status":"success","data":{"resultType":"streams","result":[]}}'), BadAnswer, "not what"),
        (body(200, vector("seven")), BadAnswer, "could not convert"),
        (body(200, vector("1"), Content_Length="9999"), PrometheusDown, "no whole answer|broke off"),
        (lambda handler: handler.wfile.write(b"no HTTP at all\r\n\r\n"), PrometheusDown, "no whole answer"),
        (lambda handler: handler.connection.close(), PrometheusDown, "no whole answer"),
    ],
)
def test_what_is_no_answer_is_a_named_error(
    server: Server, reply: Reply, kind: type[PrometheusError], why: str
) -> None:
    server.reply = reply
    with pytest.raises(kind, match=why) as raised:
        server.client("s3cret").query("x")
    assert "s3cret" not in str(raised.value)
    assert len(server.asked) == 1, "nothing is asked twice, nor elsewhere"


def test_a_huge_answer_is_not_held(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    server.reply = body(200, vector(*["1"] * 200))
    with pytest.raises(BadAnswer, match="more than 1000 bytes"):
        server.client().query("x")


def drip(data: bytes) -> Reply:
    def _reply(handler: BaseHTTPRequestHandler) -> None:
        for at in range(len(data)):
            try:
                handler.wfile.write(data[at : at + 1])
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.1)

    return _reply


@pytest.mark.parametrize(
    "reply",
    [
        drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + b"[" * 999),
    ],
    ids=["headers", "body"],
)
def test_an_answer_that_trickles_is_waited_for_so_long_and_no_longer(server: Server, reply: Reply) -> None:
    server.reply = reply
    begin = time.monotonic()
    with pytest.raises(PrometheusDown):
        server.client(seconds=1.0).query("x")
    assert time.monotonic() - begin < 30


def test_nobody_there_is_down() -> None:
    with pytest.raises(PrometheusDown, match=r"http://127\.0\.0\.1:1: no whole answer"):
        Prometheus("http://127.0.0.1:1").query("x")


def test_a_token_is_not_sent_for_all_to_read() -> None:
    with pytest.raises(PrometheusRefused, match="give an https address"):
        Prometheus("http://prometheus.example:9090", "s3cret").query("x")


def test_a_token_is_in_no_representation() -> None:
    assert "s3cret" not in repr(Prometheus("http://127.0.0.1:1", "s3cret"))
