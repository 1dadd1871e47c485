"""What the serving side counts, as files: for where there is no Prometheus.

Here belong the format, writing and reading it, and quantiles of a histogram. Not here: which figures are drawn from it
(`ascend_assets/production/metrics.py`). One file holds one object: what one server did in one span of time, say a
minute.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from resources.digests import canonical_json, sha256_bytes
from resources.production.files import File, look
from resources.regular_files import open_regular
from resources.store.durable import put_whole

METRICS = "metrics"
"""Folder below `<production>/<model>/<environment>/`."""

MOST_BYTES = 64 * 1024
MOST_FILES = 20_000

Count = Annotated[int, Field(ge=0, le=10**15)]
Amount = Annotated[FiniteFloat, Field(ge=0)]


def _bounds(buckets: dict[str, int]) -> dict[str, int]:
    """Upper bounds are numbers, `+Inf` is there, and counts do not fall."""
    ordered = sorted((_bound(text), count) for text, count in buckets.items())
    if not ordered or ordered[-1][0] != math.inf:
        raise ValueError("the bucket +Inf is missing")
    counts = [count for _, count in ordered]
    if counts != sorted(counts):
        raise ValueError("counts are cumulative and must not fall")
    return buckets


def _bound(text: str) -> float:
    bound = float(text)
    if math.isnan(bound):
        raise ValueError("a bound that is no number")
    return bound


class Minute(BaseModel):
    """What one server did for one model, from `at - seconds` to `at`.

    `requests`: HTTP status -> answers. `latency_seconds`: a histogram as Prometheus has it, upper bound (`0.005`,
    `+Inf`) -> answers that took so long at most. `npu_utilisation`: 0 to 1. `load_seconds`: how long the load took that
    ended in this span.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: AwareDatetime
    seconds: Annotated[FiniteFloat, Field(gt=0, le=3600)] = 60.0
    requests: Annotated[dict[Annotated[str, Field(pattern=r"^[1-5]\d\d$")], Count], Field(max_length=100)]
    latency_seconds: Annotated[dict[str, Count], Field(max_length=500), AfterValidator(_bounds)]
    tokens: Count = 0
    npu_utilisation: Annotated[FiniteFloat, Field(ge=0, le=1)] | None = None
    load_seconds: Amount | None = None


@dataclass(frozen=True)
class Minutes:
    """What was read. `bad`: file and reason of those that could not be."""

    found: tuple[Minute, ...]
    bad: tuple[str, ...] = ()
    whole: bool = True


def write_minute(folder: Path, minute: Minute) -> Path:
    """Write below `folder`, that of a model in an environment; the file is whole or not there. Raises `OSError`."""
    data = canonical_json(minute.model_dump(mode="json"))
    path = folder / METRICS / f"{minute.at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{sha256_bytes(data)[:16]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    put_whole(path, data)
    return path


def read_minutes(folder: Path, spans: Iterable[tuple[datetime, datetime]]) -> Minutes:
    """What ended within one of the spans (after the first moment, up to the second).

    Files that changed before all of them are not opened. Raises `OSError` for a folder that cannot be read.
    """
    wanted = [(since.timestamp(), until.timestamp()) for since, until in spans]
    listing = look(folder / METRICS, ".json", since=min((since for since, _ in wanted), default=0.0))
    found: list[Minute] = []
    bad: list[str] = []
    for file in listing.files[:MOST_FILES]:
        try:
            minute = _read(folder / METRICS, file)
        except (OSError, ValueError) as error:
            bad.append(f"{file.name.encode(errors='replace').decode()[:100]}: {_why(error)}")
            continue
        if any(since < minute.at.timestamp() <= until for since, until in wanted):
            found.append(minute)
    return Minutes(tuple(found), tuple(bad), listing.whole and len(listing.files) <= MOST_FILES)


def quantile(share: float, buckets: Mapping[float, float]) -> float:
    """A quantile of a cumulative histogram, as Prometheus's `histogram_quantile` draws it.

    Linear within the bucket; in the last one the highest finite bound; NaN without observations.
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not bounds or total <= 0 or bounds[-1] != math.inf or len(bounds) == 1:
        return math.nan
    rank = share * total
    place = next(index for index, bound in enumerate(bounds) if buckets[bound] >= rank)
    if place == len(bounds) - 1:
        return bounds[-2]
    upper = bounds[place]
    if place == 0 and upper <= 0:
        return upper
    lower, below = (bounds[place - 1], buckets[bounds[place - 1]]) if place else (0.0, 0.0)
    inside = buckets[upper] - below
    return upper if inside <= 0 else lower + (upper - lower) * (rank - below) / inside


def _read(folder: Path, file: File) -> Minute:
    stream, size = open_regular(folder / file.name)
    with stream:
        if size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES} bytes")
        return Minute.model_validate_json(stream.read(MOST_BYTES))


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors(include_input=False, include_url=False, include_context=False)[0]
        return f"{'.'.join(map(str, found['loc']))[:100]}: {found['msg'][:200]}"
    return str(error)[:200]
