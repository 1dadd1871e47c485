"""Answers by the digest of their questions, so that nothing is paid for twice and a repair can be repeated.

Here belongs a bounded folder of them. Whoever can write there can answer: what is read is trusted no more than what an
endpoint says. Not here: what makes an answer worth keeping (`client.py`).
"""

import contextlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from resources.digests import sha256_bytes
from resources.regular_files import open_regular
from resources.store.durable import put_whole

KEPT = 500
"""Answers; the oldest go first."""
_MAX_BYTES = 1024 * 1024


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    sha256: str
    content: dict[str, Any]


def get(folder: Path, key: str) -> dict[str, Any] | None:
    """The answer to a question; None where there is none, or the entry is damaged or another's."""
    try:
        with open_regular(folder / f"{key}.json")[0] as file:
            entry = _Entry.model_validate_json(file.read(_MAX_BYTES))
    except (OSError, ValidationError):
        return None
    whole = entry.key == key and entry.sha256 == sha256_bytes(_bytes(entry.content))
    return entry.content if whole else None


def put(folder: Path, key: str, content: dict[str, Any]) -> None:
    """Keep an answer, whole or not at all; one that is too large is not kept. Raises `OSError`."""
    entry = _Entry(key=key, sha256=sha256_bytes(_bytes(content)), content=content)
    data = entry.model_dump_json().encode()
    if len(data) >= _MAX_BYTES:
        return
    folder.mkdir(parents=True, exist_ok=True)
    put_whole(folder / f"{key}.json", data)
    _bound(folder)


def _bytes(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _bound(folder: Path) -> None:
    aged = []
    for path in folder.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # another process bounds it too
            aged.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(aged)[: max(0, len(aged) - KEPT)]:
        path.unlink(missing_ok=True)
