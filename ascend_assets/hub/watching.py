"""What a watch over a hub's models remembers from look to look, and what follows from what it finds.

Here belong the memory, which is a sensor's cursor, and its transitions as functions of it: no clock, no Dagster.
Not here: which version is due (`releases.py`), or asking (`sensors/hub_releases.py`). Times are unix seconds.

A download fails in a run, and its retry is another run: `hub:<model>:<version>:<attempt>`. The first three attempts
follow each other as the breaker allows; later ones wait, at first as long as an open breaker, at most six hours.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from ascend_assets import cursors
from ascend_assets.hub.releases import Due
from ascend_assets.trouble import Trouble
from resources.breaker import COOL, FAILURES, Breaker

LOST = 3600.0
"""Seconds after which a run that was asked for and never came is asked for again."""
_LONGEST_WAIT = 6 * 3600.0
_MOST_TOLD = 20
_MAX_WHY = 400

Text = Annotated[str, Field(max_length=1000)]
Outcome = Literal["trouble", "downloaded", "ended"]
"""Of a run: the hub was in trouble; the files came, whatever became of them; neither."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(_Frozen):
    """A run that was asked for.

    `again_at`: when it is asked for again: as the next attempt, or as the same where it is `lost`, for it never came.
    """

    version: Text
    attempt: Annotated[int, Field(ge=1)]
    at: FiniteFloat
    again_at: FiniteFloat | None = None
    lost: bool = False


class Seen(_Frozen):
    """One model. `newest`: the greatest version that a run was asked for. `told`: what is wrong with it on the hub."""

    hub: Text
    newest: Text = ""
    asked: Asked | None = None
    passed_over: Annotated[tuple[Text, ...], Field(max_length=_MOST_TOLD)] = ()
    told: Text = ""
    failed: Annotated[int, Field(ge=0)] = 0
    """Downloads that failed in a row."""
    failing_since: Text = ""
    why: Text = ""


class Failing(_Frozen):
    """The model whose downloads have failed most often in a row. `since`: ISO 8601, UTC."""

    model: Text
    version: Text
    times: Annotated[int, Field(ge=1)]
    since: Text
    why: Text


class Memory(_Frozen):
    """All of it. `following`: the model to begin with. `trying`: key of the run that a half-open breaker let by."""

    models: dict[str, Seen] = Field(default_factory=dict)
    following: Text = ""
    trouble: Trouble | None = None
    breaker: Breaker = Breaker()
    downloads_failed: Failing | None = None
    trying: Text = ""

    def kept(self, models: Mapping[str, str]) -> "Memory":
        """Without what is about models that are gone, or come from elsewhere now. `models`: name -> id on the hub."""
        return self._with_models({name: self.models.get(name, Seen(hub=hub)) for name, hub in models.items()}, models)

    def written(self) -> str:
        """As a cursor, without what a model has as at first: Dagster keeps it with every tick, for every model."""
        models = {name: seen.model_dump(mode="json", exclude_defaults=True) for name, seen in self.models.items()}
        return json.dumps({**self.model_dump(mode="json", exclude={"models"}), "models": models}, separators=(",", ":"))

    def due(self, model: str, found: Due, now: float) -> "Memory":
        """A version was found that is due, and its run is asked for. An older one's retries are given up."""
        passed = tuple(map(str, found.passed_over))[-_MOST_TOLD:]
        asked = Asked(version=str(found.version), attempt=1, at=now)
        seen = Seen(hub=self.models[model].hub, newest=str(found.version), asked=asked, passed_over=passed)
        return self._with(model, seen)

    def again(self, model: str, now: float) -> "Memory":
        """The next attempt of a failed download is asked for, or once more a run that never came."""
        seen = self.models[model]
        if seen.asked is None:
            return self
        attempt = seen.asked.attempt + (not seen.asked.lost)
        return self._with(model, _update(seen, asked=Asked(version=seen.asked.version, attempt=attempt, at=now)))

    def ended(self, model: str, outcome: Outcome, why: str, now: float) -> "Memory":
        """A run that was asked for has ended."""
        seen = self.models[model]
        if seen.asked is None:
            return self
        tried = self.trying == key(model, seen.asked)
        breaker = self.breaker
        if outcome == "trouble":
            wait = retry_after(seen.asked.attempt)
            since = seen.failing_since or iso(now)
            asked = _update_asked(seen.asked, now + wait)
            seen = _update(seen, asked=asked, failed=seen.failed + 1, failing_since=since, why=why[:_MAX_WHY])
            breaker = breaker.failed(now, f"{model} {asked.version}: {why}")
        else:
            good = outcome == "downloaded"
            seen = _update(seen, asked=None, **({"failed": 0, "failing_since": "", "why": ""} if good else {}))
            breaker = breaker.succeeded() if good and tried else breaker
        changed = self._with(model, seen)
        return changed.model_copy(update={"breaker": breaker, "trying": "" if tried else self.trying})

    def lost(self, model: str, now: float) -> "Memory":
        """A run that was asked for never came: it is due again, under the same key."""
        seen = self.models[model]
        if seen.asked is None:
            return self
        changed = self._with(model, _update(seen, asked=_update_asked(seen.asked, now, lost=True)))
        return changed.model_copy(update={"trying": "" if self.trying == key(model, seen.asked) else self.trying})

    def told(self, model: str, why: str) -> "Memory":
        """The hub answers, and says something of a model that only a person can change; empty where all is well."""
        return self._with(model, _update(self.models[model], told=why[:_MAX_WHY]))

    def answered(self) -> "Memory":
        """The hub answers. What is half open closes, for it let this one question through."""
        breaker = self.breaker if self.breaker.opened_at is None else Breaker()
        return self.model_copy(update={"trouble": None, "breaker": breaker})

    def silent(self, why: str, now: float) -> "Memory":
        """The hub does not answer as it should."""
        trouble = Trouble.met(self.trouble, why, now)
        return self.model_copy(update={"trouble": trouble, "breaker": self.breaker.failed(now, why)})

    def retries(self, now: float) -> tuple[str, ...]:
        """Models whose failed download is due again, the one that waits longest first."""
        waiting = [
            (seen.asked.again_at, name) for name, seen in self.models.items() if seen.asked and seen.asked.again_at
        ]
        return tuple(name for at, name in sorted((at or 0.0, name) for at, name in waiting) if at <= now)

    def _with(self, model: str, seen: Seen) -> "Memory":
        return self._with_models({**self.models, model: seen}, self.models)

    def _with_models(self, models: Mapping[str, Seen], hubs: Mapping[str, object]) -> "Memory":
        same = {
            name: seen if not isinstance(hubs[name], str) or seen.hub == hubs[name] else Seen(hub=str(hubs[name]))
            for name, seen in models.items()
        }
        waiting = {key(name, seen.asked) for name, seen in same.items() if seen.asked}
        trying = self.trying if self.trying in waiting else ""
        return self.model_copy(update={"models": same, "downloads_failed": _worst(same), "trying": trying})


def key(model: str, asked: Asked) -> str:
    """The key of a run: Dagster starts no two of one key."""
    return f"hub:{model}:{asked.version}:{asked.attempt}"


def read(text: str | None) -> Memory:
    """The memory in a cursor; what another version wrote counts for nothing, and starts no run twice."""
    return cursors.read(Memory, text)


def retry_after(attempt: int) -> float:
    """Seconds until the attempt after this one."""
    return 0.0 if attempt < FAILURES else min(COOL * 2.0 ** min(attempt - FAILURES, 20), _LONGEST_WAIT)


def iso(now: float) -> str:
    """Unix seconds as ISO 8601, UTC, whole seconds."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")


def _worst(models: Mapping[str, Seen]) -> Failing | None:
    failing = [(seen.failed, name, seen) for name, seen in models.items() if seen.failed and seen.asked]
    if not failing:
        return None
    times, name, seen = max(failing, key=lambda each: (each[0], each[1]))
    version = seen.asked.version if seen.asked else seen.newest
    return Failing(model=name, version=version, times=times, since=seen.failing_since, why=seen.why)


def _update(seen: Seen, **changes: object) -> Seen:
    return seen.model_copy(update=changes)


def _update_asked(asked: Asked, again_at: float, *, lost: bool = False) -> Asked:
    return asked.model_copy(update={"again_at": again_at, "lost": lost})
