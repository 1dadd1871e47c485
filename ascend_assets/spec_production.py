"""What a model's `defs.yaml` says about its life in production, and about training it again.

Here belong bounds and defaults of what a person writes. Not here: the model itself (`spec.py`), the statistics
(`drift/`), or when something starts (`sensors/`).
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, FiniteFloat, StringConstraints

from ascend_assets.strict import Strict

Share = Annotated[FiniteFloat, Field(gt=0, lt=1)]
NotNegative = Annotated[FiniteFloat, Field(ge=0)]


class Drift(Strict):
    """When production's samples count as another world than the one the model was evaluated in.

    Distances are between a feature in production and in the reference; a feature has drifted by a test only where its
    p-value, corrected for the number of features, is below `significance` and its distance above the limit: with
    enough samples any difference is significant, and with few a large distance is chance.
    """

    psi: NotNegative = 0.2
    """Population stability index: 0.1 to 0.2 is a small change, beyond 0.2 a large one (the banks' rule of thumb)."""
    ks: NotNegative = 0.1
    """Kolmogorov-Smirnov distance: the largest difference of two distribution functions."""
    wasserstein: NotNegative = 0.2
    """Earth mover's distance in standard deviations of the reference."""
    jensen_shannon: NotNegative = 0.1
    """Jensen-Shannon distance to base 2: 0 to 1."""
    chi_square: NotNegative = 0.1
    """Cramer's V of categories against the reference: 0 to 1."""
    prediction: NotNegative = 0.1
    """Jensen-Shannon distance of the predictions."""
    accuracy_drop: NotNegative = 0.02
    """How far accuracy may lie below that on the evaluation data, where labels arrive."""
    significance: Share = 0.01
    minimum_samples: Annotated[int, Field(ge=30, le=10_000_000)] = 500
    """Fewer are not judged."""
    share_of_features: NotNegative = 0.1
    """A check fails where more than this share of the features has drifted, and at least one."""
    consecutive: Annotated[int, Field(ge=1, le=100)] = 2
    """Looks in a row, each of them at new samples, before drift is said; and before it is said to be over."""
    calm: Share = 0.8
    """Drift is over where the distance is below this share of its limit."""


class Production(Strict):
    """Where a model's production data lies, and how it is judged.

    `environment`: whose traffic; empty for the last environment. `ranges`: input -> smallest and largest value that a
    sample may hold.
    """

    environment: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,62})?$")] = ""
    every_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = 60
    """How often it is looked at, at most."""
    window_hours: Annotated[FiniteFloat, Field(gt=0, le=24 * 366)] = 24.0
    """Samples this old at most are judged."""
    ranges: dict[str, tuple[FiniteFloat, FiniteFloat]] = Field(default_factory=dict)
    drift: Drift = Drift()


def _schedule(cron: str) -> str:
    from ascend_assets.training.schedule import require

    return require(cron) if cron else cron


Why = Literal["accuracy", "data", "drift", "schedule"]


class Retraining(Strict):
    """When the model is trained again by itself. Needs a Python source, which gets `--data FILE`, and `production`.

    `schedule`: a cron expression in UTC; empty for none. `started_by`: what else starts it.
    (Not `on`, which YAML reads as true.)
    """

    schedule: Annotated[str, StringConstraints(max_length=100), AfterValidator(_schedule)] = ""
    started_by: tuple[Literal["accuracy", "data", "drift"], ...] = ("accuracy", "drift")
    cool_down_hours: Annotated[FiniteFloat, Field(ge=0, le=24 * 366)] = 24.0
    """After a retraining began, so long none begins."""
    minimum_labelled: Annotated[int, Field(ge=50, le=100_000_000)] = 500
    """Labelled samples that it takes; for `data`, new ones."""
    held_out: Share = 0.3
    """Share of the labelled samples that champion and challenger are compared on, and that is not trained on."""
    significance: Share = 0.05
    """The challenger must be better, not only have the larger number."""
