"""The fitted numbers of the clock, as data, and what they say about a SoC.

`resources/ascend/tables/calibration.json` is written by `python -m benchmarks.calibrate`, which fits the coefficients
to the published throughput figures; nobody edits it. Here belong its types, its reading, and the choice of an error
band for a SoC. Not here: the fit (a benchmark) or the formula (`roofline.py`).
"""

from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from resources.ascend.emulator.roofline import Coefficients
from resources.ascend.soc import Soc
from resources.ascend.toolchain import ErrorBand

UNSEEN_GENERATION = 2.0
"""A judgement, not a measurement: how much wider the band is for a core generation that no published figure covers."""


class CalibrationError(RuntimeError):
    """`calibration.json` is damaged or from another version of the formula."""


class Spread(BaseModel):
    """Quantiles of published over estimated latency, each model weighing the same, on models the fit did not see.

    `q90` and `q99` are the upper quantiles from which an estimate's P90 and P99 come.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    band: ErrorBand
    q90: float
    q99: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        factors = (self.band.low, self.band.high, self.q90, self.q99)
        if not all(isfinite(f) and f > 0 for f in factors) or self.band.low > self.band.high or self.q90 > self.q99:
            raise ValueError("factors must be finite, positive and ordered")
        return self

    def wider(self, by: float) -> Self:
        """The same spread, `by` (at least 1) times further out on both sides."""
        band = self.band.model_copy(update={"low": self.band.low / by, "high": self.band.high * by})
        return self.model_copy(update={"band": band, "q90": self.q90 * by, "q99": self.q99 * by})


class ModelError(BaseModel):
    """One model on one SoC that the fit did not see: published over estimated latency at each of its points."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    soc_version: str
    ratios: tuple[float, ...]


class Calibration(BaseModel):
    """Coefficients and how far they can be trusted.

    `left_out` has one entry per calibration model and SoC, from a fit without that model; `held_out` are networks
    that no fit ever used. `spread` is over both. `elsewhere` are networks on SoCs that no fit ever used.
    `across_socs` is the ratio of published to estimated latency, geometric mean, on `other_soc` after a fit on
    `fitted_soc` alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    coefficients: Coefficients
    spread: Spread
    left_out: tuple[ModelError, ...]
    held_out: tuple[ModelError, ...]
    elsewhere: tuple[ModelError, ...]
    socs: tuple[str, ...]
    generations: tuple[str, ...]
    fitted_soc: str
    other_soc: str
    across_socs: float

    def spread_for(self, soc: Soc) -> Spread:
        """The spread of estimates on `soc`, wider the less of it has been seen.

        A calibrated SoC has the plain spread. Another one of a calibrated core generation is wider by what an
        estimate missed on the SoC left out of the fit; one of any other generation by `UNSEEN_GENERATION` on top.
        """
        if soc.name in self.socs:
            return self.spread
        across = max(self.across_socs, 1 / self.across_socs)
        return self.spread.wider(across * (1.0 if soc.generation in self.generations else UNSEEN_GENERATION))


@cache
def load() -> Calibration:
    """The shipped calibration. Raises `CalibrationError` when the file cannot be read as one."""
    source = files("resources.ascend") / "tables" / "calibration.json"
    try:
        return Calibration.model_validate_json(source.read_bytes())
    except (OSError, ValueError) as error:
        raise CalibrationError(
            f"{source}: not a calibration of this version ({error}); regenerate it with python -m benchmarks.calibrate"
        ) from error
