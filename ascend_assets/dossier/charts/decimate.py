"""Which of thousands of layers to draw, so that no extreme and no fault is lost.

Here belongs the choice alone. Not here: drawing.
"""

import math
from collections.abc import Sequence

from resources.ascend.toolchain import LayerComparison

_FAULTS = 120
"""Layers with a fault that are kept whatever else is; the drawing cannot tell more apart."""


def spread(indices: Sequence[int], at_most: int) -> list[int]:
    """At most `at_most` of `indices`, evenly taken, first and last among them."""
    if len(indices) <= at_most:
        return list(indices)
    step = (len(indices) - 1) / (at_most - 1)
    return sorted({indices[round(k * step)] for k in range(at_most)})


def faulty(layer: LayerComparison) -> bool:
    """Overflow, or an error that is not a number: never left out for want of room."""
    errors = (layer.relative_euclidean_distance, layer.local_error)
    return layer.overflow > 0 or not all(map(math.isfinite, errors))


def decimate(layers: Sequence[LayerComparison], points: int, always: Sequence[int] = ()) -> list[int]:
    """Positions to draw, ascending: about `points`, at most as many again for faults, and `always`.

    Each bucket of neighbours gives the highest and lowest accumulated error and the highest local error; all positions
    where there are no more than `points`.
    """
    count = len(layers)
    if count <= points:
        return list(range(count))
    chosen = {0, count - 1, *(p for p in always if 0 <= p < count)}
    buckets = max(1, points // 3)
    for bucket in range(buckets):
        span = range(bucket * count // buckets, (bucket + 1) * count // buckets)
        chosen.add(max(span, key=lambda i: _height(layers[i].relative_euclidean_distance)))
        chosen.add(min(span, key=lambda i: _height(layers[i].relative_euclidean_distance)))
        chosen.add(max(span, key=lambda i: _height(layers[i].local_error)))
    chosen.update(spread([i for i, layer in enumerate(layers) if faulty(layer)], _FAULTS))
    return sorted(chosen)


def _height(value: float) -> float:
    return math.inf if math.isnan(value) else value
