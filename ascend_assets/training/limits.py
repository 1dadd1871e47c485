"""The bounds of a comparison that a model's file gives in other words.

Not here: the comparison (`compare.py`).
"""

from ascend_assets.spec import ModelSpec


def tolerance(spec: ModelSpec) -> float:
    """How far a challenger may lie below the champion on the model's own evaluation data, in accuracy.

    As far as accuracy may fall in production before that counts as drift: what would be said to have drifted at once is
    not released.
    """
    return spec.production.drift.accuracy_drop if spec.production else 0.0
