"""Digests and the canonical bytes that they are taken of.

Here belong sha256 of bytes and files, and the one JSON encoding whose bytes are compared, hashed and signed. Not here:
which documents exist (`registry/documents.py`) or where bytes are kept (`store/`).
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHUNK = 1024 * 1024
"""Bytes that are read at a time."""

_MAX_DEPTH = 200
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NON_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


class NotCanonical(ValueError):
    """A value that has no canonical encoding."""


def sha256_bytes(data: bytes) -> str:
    """Sha256 as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Sha256 of a file's content, read in pieces. Raises `OSError`."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_sha256(text: str) -> bool:
    """Whether a text is spelt as a digest is spelt here."""
    return _SHA256.fullmatch(text) is not None


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """The one encoding of a JSON value: UTF-8, keys sorted by code point, no spaces, shortest floats.

    NaN and infinities, which JSON does not have, become the strings "NaN", "Infinity" and "-Infinity", as pydantic
    reads them. Raises `NotCanonical` for what is not JSON: other types, keys that are no text, lone surrogates, nesting
    deeper than 200.
    """
    plain = _plain(value, 0)
    try:
        return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()
    except UnicodeEncodeError as error:
        raise NotCanonical(f"text that is not Unicode: {error.object[error.start : error.end]!r}") from error


def _plain(value: object, depth: int) -> Any:  # noqa: ANN401 - any JSON value
    if depth > _MAX_DEPTH:
        raise NotCanonical(f"nested deeper than {_MAX_DEPTH}")
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _NON_FINITE.get(value, "NaN")
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise NotCanonical(f"the key {key!r} is not text")
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    raise NotCanonical(f"{type(value).__name__} is not a JSON type: {str(value)[:80]!r}")
