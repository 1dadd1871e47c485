"""Which features an input has: each element of a small one, and of a large one statistics per channel.

Here belong names and numbers of features, bounded whatever the input. Not here: reading samples (`samples.py`), or
counting (`summary.py`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ascend_assets.spec import Input

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_ELEMENTS = 256
"""An input of at most so many elements has one feature for each."""
ALL_ELEMENTS = 1024
"""Of how many inputs ever, so many features are elements at most: an input's part of them is the same for all."""
MAX_CHANNELS = 4
QUANTILES = (0.1, 0.5, 0.9)
STATISTICS = ("mean", "std", "min", "max", "nonzero", *(f"p{round(100 * q)}" for q in QUANTILES))
"""`nonzero` counts elements: of padded text its length, of an image how much of it is drawn on."""
_QUANTILES_OF = 4096
"""Quantiles are of that many elements of a channel at most, evenly spaced."""

_BLOCK = 1024


@dataclass(frozen=True)
class Features:
    """The features of one input, in order. `channels`: 0 where each element is a feature.

    `shape`: the input's without the batch; None where a dimension of it is open.
    """

    input: str
    names: tuple[str, ...]
    integer: bool
    channels: int
    last: bool
    """Whether channels are the last dimension."""
    shape: tuple[int, ...] | None

    def fits(self, elements: int) -> bool:
        """Whether a sample may have so many elements."""
        if self.shape is not None:
            return elements == math.prod(self.shape)
        return elements > 0 and elements % self.channels == 0

    def columns(self, rows: "NDArray[Any]") -> "NDArray[Any]":
        """The features of samples (n, elements), each in C order: (features, n), contiguous along samples."""
        import numpy as np

        if not self.channels:
            return _turned(rows)
        parts = [*self._statistics(rows)]
        return np.stack(parts, axis=1).reshape(len(self.names), len(rows))

    def _statistics(self, rows: "NDArray[Any]") -> "list[NDArray[Any]]":
        """Each of `STATISTICS` as (channels, n)."""
        import numpy as np

        split = (len(rows), -1, self.channels) if self.last else (len(rows), self.channels, -1)
        parts = rows.reshape(split)
        values = np.swapaxes(parts, 1, 2) if self.last else parts
        step = math.ceil(values.shape[2] / _QUANTILES_OF)
        quantiles = np.quantile(values[:, :, ::step].astype(np.float64), QUANTILES, axis=2)
        found = [
            values.mean(axis=2, dtype=np.float64),
            values.std(axis=2, dtype=np.float64),
            values.min(axis=2),
            values.max(axis=2),
            np.count_nonzero(values, axis=2),
            *quantiles,
        ]
        return [np.asarray(each, dtype=np.float64).T for each in found]


def _turned(rows: "NDArray[Any]") -> "NDArray[Any]":
    """The transpose, in blocks that fit a processor's cache: several times as fast as in one go."""
    import numpy as np

    turned = np.empty(rows.shape[::-1], dtype=rows.dtype)
    for start in range(0, len(rows), _BLOCK):
        turned[:, start : start + _BLOCK] = rows[start : start + _BLOCK].T
    return turned


def features(inputs: Sequence[Input]) -> tuple[Features, ...]:
    """The features of every input."""
    most = min(MAX_ELEMENTS, ALL_ELEMENTS // len(inputs))
    return tuple(_of(one, most) for one in inputs)


def _of(one: Input, most: int) -> Features:
    integer = not one.dtype.startswith("float")
    fixed = [dim for dim in one.shape[1:] if not isinstance(dim, str)]
    shape = tuple(fixed) if len(fixed) == len(one.shape[1:]) else None
    if shape is not None and math.prod(shape) <= most:
        elements = math.prod(shape)
        names = tuple(f"{one.name}[{place}]" for place in range(elements)) if shape else (one.name,)
        return Features(one.name, names, integer, 0, last=False, shape=shape)
    channels, last = _channels(one)
    places = [one.name] if channels == 1 else [f"{one.name}.c{place}" for place in range(channels)]
    names = tuple(f"{place}.{statistic}" for place in places for statistic in STATISTICS)
    # A mean is a float, whatever it is the mean of.
    return Features(one.name, names, False, channels, last, shape)


def _channels(one: Input) -> tuple[int, bool]:
    """How many channels, and whether they come last; 1 where the shape is not one of images."""
    dims = one.shape[1:]
    if len(dims) == len("CHW"):
        for place, last in ((0, False), (-1, True)):
            found = dims[place]
            if not isinstance(found, str) and 1 < found <= MAX_CHANNELS:
                return found, last
    return 1, False
