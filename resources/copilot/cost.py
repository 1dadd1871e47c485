"""What a day's questions cost, and whether the endpoint is asked at all: one small file that all processes share.

Here belong the bound on tokens per day (UTC) and where the circuit breaker is kept. Not here: the breaker's arithmetic
(`resources/breaker.py`).

Tokens are reserved before a question is sent and settled when its answer is there. A process that dies in between has
spent what it reserved: the bound errs on the safe side. A clock that was set back begins no new day.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resources.breaker import Breaker
from resources.copilot.errors import CopilotPaused, CostBound
from resources.locks import locked
from resources.regular_files import open_regular
from resources.store.durable import put_whole

_FILE, _LOCK = "spent.json", "spent.lock"
_MAX_BYTES = 64 * 1024


class Spent(BaseModel):
    """Tokens of a day, and how the endpoint has fared. `endpoint`: a digest of its address, which the breaker is of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    tokens: Annotated[int, Field(ge=0)]
    endpoint: str = ""
    breaker: Breaker = Breaker()


def endpoint(url: str) -> str:
    """What stands for an address in the file."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def today(now: float) -> str:
    """The day of a unix time, UTC."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")


def spent(folder: Path, now: float) -> Spent:
    """What is on record. Raises `CostBound` where it cannot be read: then nobody knows what may still be spent."""
    path = folder / _FILE
    try:
        with open_regular(path)[0] as file:
            found = Spent.model_validate_json(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return Spent(day=today(now), tokens=0)
    except (OSError, ValidationError):
        raise CostBound(f"{path} cannot be read, so nobody knows what was spent today: remove it") from None
    return found.model_copy(update={"day": today(now), "tokens": 0}) if found.day < today(now) else found


def reserve(folder: Path, tokens: int, *, daily: int, url: str, now: float) -> None:
    """Take so many tokens out of the day's. Raises `CostBound`, `CopilotPaused`, `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / _LOCK):
        found = _of(spent(folder, now), url)
        if found.breaker.state(now) == "open":
            raise CopilotPaused(f"the copilot failed too often lately ({found.breaker.why}): it is asked again later")
        if found.tokens + tokens > daily:
            raise CostBound(
                f"{found.tokens:,} tokens are spent today and this question may take {tokens:,}: the bound is "
                f"{daily:,} (ASCEND_COPILOT_DAILY_TOKENS)"
            )
        _write(folder, found.model_copy(update={"tokens": found.tokens + tokens}))


def settle(folder: Path, *, reserved: int, used: int, url: str, now: float, failure: str = "") -> None:
    """What came of a reservation: the tokens that were used, and why it failed, empty for a success.

    Raises `CostBound`, `OSError`.
    """
    with locked(folder / _LOCK):
        found = _of(spent(folder, now), url)
        breaker = found.breaker.failed(now, failure) if failure else found.breaker.succeeded()
        tokens = max(0, found.tokens - reserved) + used
        _write(folder, found.model_copy(update={"tokens": tokens, "breaker": breaker}))


def _of(found: Spent, url: str) -> Spent:
    """The record with the breaker of this address: another one has not failed yet."""
    if found.endpoint == endpoint(url):
        return found
    return found.model_copy(update={"endpoint": endpoint(url), "breaker": Breaker()})


def _write(folder: Path, found: Spent) -> None:
    put_whole(folder / _FILE, found.model_dump_json().encode())
