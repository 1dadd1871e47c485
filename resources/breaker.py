"""A circuit breaker as a value: whether something outside is asked again, after it has failed too often.

Here belongs the arithmetic of failures and times. Not here: what is asked, or where the breaker is kept. A breaker
holds plain JSON, so that a sensor's cursor can carry it.

Closed: ask. Open, after `FAILURES` failures within `WINDOW` seconds: do not ask. Half open, `COOL` seconds later: ask
once; what comes of it closes the breaker or opens it anew.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

State = Literal["closed", "open", "half_open"]

FAILURES = 3
WINDOW = 3600.0
"""Seconds that a failure counts."""
COOL = 900.0
"""Seconds that an open breaker lets nothing through."""
_MAX_WHY = 500


class Breaker(BaseModel):
    """What failed lately. Times are unix seconds; `why` is the last failure, empty where nothing has failed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    failures: Annotated[tuple[FiniteFloat, ...], Field(max_length=FAILURES)] = ()
    opened_at: FiniteFloat | None = None
    why: Annotated[str, Field(max_length=_MAX_WHY)] = ""

    def state(self, now: float) -> State:
        """Where the breaker stands at that time.

        A clock that was set back behind the opening makes it half open: nobody can say how long it has cooled, and
        one try is harmless.
        """
        if self.opened_at is None:
            return "closed"
        return "open" if 0 <= now - self.opened_at < COOL else "half_open"

    def failed(self, now: float, why: str) -> "Breaker":
        """After a failure: open if it was one too many, or the one try of a half-open breaker.

        A failure that becomes known while the breaker is open (of something begun before) does not lengthen the wait.
        """
        failures = (*(at for at in self.failures if 0 <= now - at < WINDOW), now)[-FAILURES:]
        state = self.state(now)
        if state == "half_open" or (state == "closed" and len(failures) >= FAILURES):
            return Breaker(failures=failures, opened_at=now, why=why[:_MAX_WHY])
        return Breaker(failures=failures, opened_at=self.opened_at, why=why[:_MAX_WHY])

    def succeeded(self) -> "Breaker":
        """After a success: closed, and what failed before counts no longer."""
        return Breaker()
