"""What a set of remedies costs: of two that pass, the cheaper wins.

A price is in percent of the latency, so that everything can be weighed against the time that FP32 islands take. Here
belong the weights and the sum. Not here: whether a set passes.
"""

from collections.abc import Iterable, Mapping

from ascend_assets.remedies.kinds import Remedy, Touches
from ascend_assets.repair.bench import Outcome
from ascend_assets.repair.figures import figures
from ascend_assets.repair.records import Figures

TOUCHING: Mapping[Touches, float] = {"options": 0.0, "graph": 1.0, "constants": 1.5, "weights": 100.0}
"""Once for each kind of thing that is changed. Options change no file; the same weights in other nodes compute the
same; another constant computes almost the same; trained weights are a person's."""

EACH = 0.5
"""For each remedy: a person has to understand it."""

SHARE = 0.3
"""For each percent of the layers that leave FP16: memory, and time that an estimate may miss."""

MOST_GAIN = 5.0
"""A repair may be faster than what was given, but is not chosen for that alone."""


def least(remedies: Iterable[Remedy]) -> float:
    """What remedies cost whatever comes of them."""
    taken = tuple(remedies)
    return sum(TOUCHING[touched] for touched in {remedy.touches for remedy in taken}) + EACH * len(taken) - MOST_GAIN


def price(remedies: Iterable[Remedy], outcome: Outcome, before: Figures) -> float:
    """The price of remedies with what came of them. `before`: the model as given, as far as it could be compiled."""
    now = figures(outcome)
    slower = 0.0
    if now.latency_ms and before.latency_ms:
        slower = 100 * (now.latency_ms / before.latency_ms - 1)
    share = max(0.0, (now.kept_share or 0.0) - (before.kept_share or 0.0))
    return least(remedies) + MOST_GAIN + max(slower, -MOST_GAIN) + SHARE * 100 * share
