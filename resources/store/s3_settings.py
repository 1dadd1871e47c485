"""Where a store on S3 is and how it is spoken to, read from an address and the environment.

Here belongs what a person may set, validated before anything is sent. Not here: credentials and region, which boto3
finds by itself, or the client (`s3_bucket.py`).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, cast, get_args
from urllib.parse import urlsplit

from resources.store.objects import BadSetting, InvalidKey, check_key

SCHEME = "s3://"
MIB = 1024 * 1024

Addressing = Literal["auto", "path", "virtual"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_MAX_PREFIX = 200
_MAX_ATTEMPTS = 20
_MAX_SECONDS = 3600.0


@dataclass(frozen=True)
class S3Address:
    """A bucket, and the prefix below which the store is: empty, or ending in a slash."""

    bucket: str
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `s3://bucket/prefix`. Raises `BadSetting`."""
        bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
        prefix = prefix.rstrip("/")
        if not text.startswith(SCHEME) or not _BUCKET.fullmatch(bucket):
            raise BadSetting(
                f"{text[:200]!r} is no address of a store: write s3://bucket/prefix, where the bucket's name has 3 to "
                "63 lower-case letters, digits, '.', '_' and '-'"
            )
        try:
            in_bounds = not prefix or len(check_key(prefix)) <= _MAX_PREFIX
        except InvalidKey as error:
            raise BadSetting(f"{text[:200]!r}: its prefix cannot be: {error}") from error
        if not in_bounds:
            raise BadSetting(f"{text[:80]!r}...: a prefix has at most {_MAX_PREFIX} characters")
        return cls(bucket, f"{prefix}/" if prefix else "")

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True)
class S3Settings:
    """How a server is spoken to. Timeouts in seconds, sizes in bytes.

    `endpoint`: None leaves it to boto3 (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, else AWS). `attempts`: how often one
    request is tried, in all. `part`: objects larger than this are sent in parts of this size, `parallel` at a time.
    `copy_limit`: larger objects are copied in parts; AWS, Ceph and OBS copy at most 5 GiB at once.
    """

    endpoint: str | None = None
    addressing: Addressing = "auto"
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    attempts: int = 4
    part: int = 16 * MIB
    parallel: int = 4
    copy_limit: int = 5 * 1024 * MIB

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read the `ASCEND_S3_*` variables; an empty one is not set. Raises `BadSetting`."""
        given = {name: value for name, value in variables.items() if value.strip()}
        usual = cls()
        return cls(
            endpoint=_endpoint(given.get("ASCEND_S3_ENDPOINT")),
            addressing=_addressing(given.get("ASCEND_S3_ADDRESSING", usual.addressing)),
            connect_timeout=_seconds(given, "ASCEND_S3_CONNECT_TIMEOUT", usual.connect_timeout),
            read_timeout=_seconds(given, "ASCEND_S3_READ_TIMEOUT", usual.read_timeout),
            attempts=_attempts(given.get("ASCEND_S3_ATTEMPTS", str(usual.attempts))),
        )


def _endpoint(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in text:
        raise BadSetting(f"ASCEND_S3_ENDPOINT is {text[:200]!r}: write http(s)://host:port, without user or password")
    return text


def _addressing(text: str) -> Addressing:
    if text not in get_args(Addressing):
        raise BadSetting(f"ASCEND_S3_ADDRESSING is {text[:80]!r}: write {', '.join(get_args(Addressing))}")
    return cast("Addressing", text)


def _seconds(given: Mapping[str, str], name: str, usual: float) -> float:
    text = given.get(name, str(usual))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _MAX_SECONDS:
        raise BadSetting(f"{name} is {text[:80]!r}: write seconds, more than 0 and at most {_MAX_SECONDS:.0f}")
    return seconds


def _attempts(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", text) or not 1 <= int(text) <= _MAX_ATTEMPTS:
        raise BadSetting(f"ASCEND_S3_ATTEMPTS is {text[:80]!r}: write a number from 1 to {_MAX_ATTEMPTS}")
    return int(text)
