"""Testing many features at once: the correction of their p-values.

Benjamini and Hochberg's (1995), which bounds the expected share of features that are called drifted by chance among
those that are called drifted. A check fails on a share of features, so that this is the error that counts; where
nothing has drifted it also bounds the probability of calling anything so. It holds for independent features and for
positively dependent ones (Benjamini and Yekutieli 2001), as neighbouring pixels are. Holm's would hold under any
dependence, and finds less the more features there are.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def corrected(p_values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Corrected p-values (n,) in the order given: below a significance where the procedure rejects at that level."""
    import numpy as np

    number = len(p_values)
    order = np.argsort(-p_values, kind="stable")
    ranks = np.arange(number, 0, -1)
    found = np.empty(number)
    found[order] = np.minimum.accumulate(np.minimum(1.0, p_values[order] * number / ranks))
    return found
