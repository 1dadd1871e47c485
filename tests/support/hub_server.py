"""A model hub on loopback that speaks ModelScope's API as its client library asks it, and misbehaves on demand."""

import hashlib
import json
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, quote, urlsplit

DAY = timedelta(days=1)

Place = Literal["file", "files", "model", "revisions", "storage"]
Fault = Literal[
    "altered",
    "cut",
    "cut_silently",
    "endless_headers",
    "endless_json",
    "endless_redirect",
    "garbage",
    "ignores_ranges",
    "list",
    "longer",
    "other_range",
    "refused_with_200",
    "slow",
    "status_404",
    "status_403",
    "status_416",
    "status_429",
    "status_500",
    "to_file_scheme",
    "to_storage",
]


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    place: Place
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class Tagged:
    """A version: its files, and when it was made, in unix seconds. `extra`: more fields of its tag."""

    files: dict[str, bytes]
    at: int | None = 1_700_000_000
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class FakeHub:
    """What the hub has, and how it misbehaves: place -> fault, at most `times` times (-1: always)."""

    port: int = 0
    tls: tuple[str, str] | None = None
    """Files of a certificate for localhost and its key, for a hub that speaks https."""
    storage: str = ""
    """Where large files are; empty for this server by another name."""
    tags: dict[str, dict[str, Tagged]] = field(default_factory=dict)
    visibility: dict[str, int] = field(default_factory=dict)
    faults: dict[Place, list[Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    """After how many bytes the next answers with a file break off."""
    entry: dict[str, Any] = field(default_factory=dict)
    """Fields that replace those of every file's entry."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        return f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    def publish(
        self, model: str, tag: str, files: dict[str, bytes], at: int | None = 1_700_000_000, **extra: Any
    ) -> None:
        self.tags.setdefault(model, {})[tag] = Tagged(dict(files), at, extra)

    def misbehave(self, place: Place, fault: Fault, times: int = -1) -> None:
        self.faults[place] = [fault, times]

    def behave(self) -> None:
        self.faults.clear()

    def fault(self, place: Place) -> str:
        with self.lock:
            fault, left = self.faults.get(place, ["", 0])
            if not left:
                return ""
            self.faults[place][1] = left - 1
            return str(fault)

    def count(self) -> Counter[Place]:
        return Counter(asked.place for asked in self.asked)


@contextmanager
def serving(hub: FakeHub | None = None) -> Iterator[FakeHub]:
    """Serve until the end of the block."""
    hub = hub or FakeHub()
    handler = type("_Handler", (_Speaks,), {"spoken_for": hub})

    server = _Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if hub.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*hub.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that has hung up is what some tests are about
            super().handle_error(request, client_address)


class _Speaks(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    spoken_for: FakeHub

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def handle(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            super().handle()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        place, model = _place(url.path)
        hub = self.spoken_for
        hub.asked.append(Asked(place, query, dict(self.headers.items())))
        fault = hub.fault(place)
        if self._misbehaves(fault):
            return
        if place == "storage":
            self._bytes(_stored(hub, query["digest"]), fault)
        elif model not in hub.tags:
            self._json({"Code": 10010205001, "Success": False, "Message": "not found", "Data": None}, 404)
        elif place == "model":
            self._data({"Visibility": hub.visibility.get(model, 5), "Name": model.partition("/")[2]})
        elif place == "revisions":
            self._data({"RevisionMap": _revisions(hub.tags[model])})
        else:
            tagged = hub.tags[model].get(query.get("Revision", ""))
            if tagged is None:
                self._json({"Code": 10010205001, "Success": False, "Message": "no revision", "Data": None}, 404)
            elif place == "files":
                self._data(
                    {"Files": [{**_entry(path, data, tagged), **hub.entry} for path, data in tagged.files.items()]}
                )
            elif query.get("FilePath") in tagged.files:
                self._bytes(tagged.files[query["FilePath"]], fault)
            else:
                self._json({"Code": 10010205001, "Success": False, "Message": "no file", "Data": None}, 404)

    def _misbehaves(self, fault: str) -> bool:
        """Whether the fault was the whole answer."""
        if fault.startswith("status_"):
            self._raw(int(fault.removeprefix("status_")), b"x" * 200)
        elif fault == "garbage":
            self._raw(200, b"<html>log in to this network</html>")
        elif fault == "list":
            self._raw(200, b"[1, 2, 3]")
        elif fault == "refused_with_200":
            self._json({"Code": 10010205002, "Success": False, "Message": "denied", "Data": None})
        elif fault in {"endless_redirect", "to_file_scheme"}:
            self._redirect(self.path if fault == "endless_redirect" else "file:///etc/passwd")
        elif fault == "endless_headers":
            self._trickle(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n")
        elif fault == "slow":
            self._trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")
        elif fault == "endless_json":
            self._endless()
        else:
            return False
        return True

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        self.wfile.write(b'{"Code": 200, "Data": {"Files": [')
        for _ in range(1000):
            self.wfile.write(b'{"Path": "a"},' * 10_000)

    def _trickle(self, begin: bytes, more: bytes) -> None:
        self.close_connection = True
        self.wfile.write(begin)
        for _ in range(200):
            time.sleep(0.1)
            self.wfile.write(more)
            self.wfile.flush()

    def _redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Set-Cookie", "planted=1; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _bytes(self, data: bytes, fault: str) -> None:
        if fault == "to_storage":
            # Another host than the one that was asked: nobody there may see the token.
            digest = hashlib.sha256(data).hexdigest()
            base = self.spoken_for.storage or f"http://localhost:{self.spoken_for.port}"
            self._redirect(f"{base}/storage?digest={digest}&signature=s3cr3t")
            return
        if fault == "altered":
            data = bytes([data[0] ^ 1]) + data[1:]
        elif fault == "longer":
            data += b"and more"
        start = 0
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and fault != "ignores_ranges":
            start = int(wanted.removeprefix("bytes=").partition("-")[0]) + (fault == "other_range")
        body = data[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if fault in {"cut", "cut_silently"}:
            self.close_connection = True
            if fault == "cut":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = self.spoken_for.cuts.pop(0) if self.spoken_for.cuts else len(body)
        self.close_connection = self.close_connection or cut < len(body)
        self.wfile.write(body[:cut])

    def _data(self, data: Any) -> None:
        self._json({"Code": 200, "Success": True, "Message": "success", "RequestId": "r", "Data": data})

    def _json(self, value: Any, status: int = 200) -> None:
        self._raw(status, json.dumps(value).encode())

    def _raw(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def certificate(folder: Path) -> tuple[str, str]:
    """A certificate for localhost, signed by itself, and its key, as files."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "hub.crt", folder / "hub.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files[1].write_bytes(key.private_bytes(*plain))
    return str(files[0]), str(files[1])


def _place(path: str) -> tuple[Place, str]:
    if path == "/storage":
        return "storage", ""
    parts = path.removeprefix("/api/v1/models/").split("/", 2)
    model, rest = "/".join(parts[:2]), parts[2] if len(parts) > 2 else ""
    places: dict[str, Place] = {"": "model", "revisions": "revisions", "repo/files": "files", "repo": "file"}
    return places[rest], model


def _revisions(tags: dict[str, Tagged]) -> dict[str, Any]:
    listed = [
        {"Revision": name, **({} if tagged.at is None else {"CreatedAt": tagged.at}), **tagged.extra}
        for name, tagged in tags.items()
    ]
    return {"Branches": [{"Revision": "master", "CreatedAt": 1_700_000_000}], "Tags": listed}


def _entry(path: str, data: bytes, tagged: Tagged) -> dict[str, Any]:
    return {
        "CommitMessage": "add",
        **({} if tagged.at is None else {"CommittedDate": tagged.at}),
        "CommitterName": "somebody",
        "InCheck": False,
        "IsLFS": len(data) > 1000,
        "Mode": "33188",
        "Name": path.rpartition("/")[2],
        "Path": path,
        "Revision": "e45fcc158894f18a7a8cfa3caf8b3dd1a2b26dc9",
        "Sha256": hashlib.sha256(data).hexdigest(),
        "Size": len(data),
        "Type": "blob",
    }


def _stored(hub: FakeHub, digest: str) -> bytes:
    for tags in hub.tags.values():
        for tagged in tags.values():
            for data in tagged.files.values():
                if hashlib.sha256(data).hexdigest() == digest:
                    return data
    raise KeyError(quote(digest))
