"""What one look at production found: each check's state, and the features that are furthest from the reference.

Here belong the records alone. Not here: how they are made (`look.py`), or what they start (`sensors/`).
"""

from datetime import datetime
from typing import Literal

from ascend_assets.drift.grids import Kind
from ascend_assets.production.records import Part
from ascend_assets.records import Record
from resources.store.blobs import Artefact

State = Literal["calm", "suspect", "drifted", "unjudged"]
Held = Literal["calm", "suspect", "drifted"]
Measure = Literal["psi", "ks", "wasserstein", "jensen_shannon", "chi_square"]

MEASURES: tuple[Measure, ...] = ("psi", "ks", "wasserstein", "jensen_shannon", "chi_square")
PREDICTION = "prediction_drift"
ACCURACY = "accuracy"
CHECKS: tuple[str, ...] = (*MEASURES, PREDICTION, ACCURACY)

MAX_FEATURES = 50
"""Features that a record lists; all are judged and counted."""


class DriftCheck(Part):
    """One check of one look.

    `value`: the distance (for `accuracy` the drop) that is compared with `limit`; None where nothing could be judged.
    `state`: what is said, after hysteresis: `drifted` is what retraining acts upon. `held`: the state that the next
    look begins from, which a look that could not judge leaves as it was. `streak`: looks in a row that speak for
    another state.
    """

    judged: bool
    value: float | None
    limit: float
    drifted_features: int
    features: int
    """How many features the check is about."""
    state: State
    held: Held
    streak: int
    why: str


class Distance(Part):
    """By one measure. `error`: by how much the true distance may be larger. `p`: corrected for all features."""

    value: float
    error: float
    p: float


class FeatureDrift(Part):
    """One feature. Counts are of values; `missing` (NaN) and `outside` (of the reference's range) among production's.

    `drifted`: the measures by which it has drifted.
    """

    name: str
    kind: Kind
    reference: int
    production: int
    missing: int
    infinite: int
    outside: int
    distances: dict[Measure, Distance]
    drifted: tuple[Measure, ...]


class DriftRecord(Record):
    """How far production's samples are from the evaluation data of the release that is live."""

    stage: Literal["drift"] = "drift"
    environment: str
    version: str
    """The release that production is compared with; empty where there is none."""
    production: str
    """Data version of the samples."""
    reference: str
    """Sha256 over the release and its evaluation data; empty where there is none."""
    samples: int
    reference_samples: int
    labelled: int = 0
    """Of the samples that the release answered."""
    accuracy: float | None = None
    reference_accuracy: float | None = None
    """Of the release's answers in production, and to the evaluation data; of values the mean absolute error."""
    fresh: int = 0
    """Samples, at least, that were in no look before that counted."""
    counted: bool
    """Whether enough new samples had come for this look to move a state."""
    newest: datetime | None
    """Newest sample of the last look that counted."""
    seen: int
    """Samples of the last look that counted."""
    checks: dict[str, DriftCheck]
    prediction: FeatureDrift | None = None
    features: tuple[FeatureDrift, ...] = ()
    """The furthest, worst first."""
    total_features: int = 0
    answers: Artefact | None = None
    """The live release's answers to its evaluation data in FP32, kept so that they are computed once."""

    @property
    def drifted(self) -> tuple[str, ...]:
        """The checks that say that production has drifted."""
        return tuple(name for name, check in self.checks.items() if check.state == "drifted")
