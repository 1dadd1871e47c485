"""How long a network's kernels take on a SoC: the roofline formula.

    kernel = max(cube / e_cube, vector / e_vector, l2 / e_l2, ddr / e_ddr) + launches x overhead
    network = fixed + sum of kernels

Here belong `Demand` (what the kernels ask of one SoC, at its peak rates) and the formula on top of it, vectorised
over kernels so that the calibration and the estimate run the same lines. Not here: the coefficients' values
(`calibration.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from resources.ascend.emulator.geometry import BLOCK, Matrix, padded
from resources.ascend.emulator.workload import Work
from resources.ascend.soc import LANES, Soc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

FP32_CUBE_SLOWER = 4.0
"""FP32 in the cube of SoCs that have it, against FP16 (`Soc.fp32_cube`)."""


class Coefficients(BaseModel):
    """The global, fitted numbers; nothing here is about one model.

    `cube`, `vector`, `l2`, `ddr`: share of the peak rate that is reached. `resident`: share of L2 that activations can
    keep. `spill`: share of a too large activation that goes to memory all the same. `strided`: how many times slower a
    move in small pieces is. `overhead_s`: seconds from one kernel's end to the next one's work. `fixed_s`: seconds per
    inference outside the kernels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cube: float
    vector: float
    l2: float
    ddr: float
    resident: float
    spill: float
    strided: float
    overhead_s: float
    fixed_s: float


@dataclass(frozen=True)
class Demand:
    """What each kernel asks of a SoC: seconds at peak for the cube, the vector unit and L2, and bytes for memory.

    `edges_*` list the activations: kernel index, seconds of DDR at peak if they miss L2, and the bytes touched
    between writing and reading (reuse distance) over the size of L2.
    """

    cube_s: "Floats"
    vector_s: "Floats"
    l2_s: "Floats"
    weights_s: "Floats"
    launches: "Floats"
    strided: "Floats"
    edge_kernel: "Indices"
    edge_s: "Floats"
    edge_distance: "Floats"


@dataclass(frozen=True)
class Times:
    """Seconds per kernel: each ceiling, and the whole."""

    cube: "Floats"
    vector: "Floats"
    memory: "Floats"
    overhead: "Floats"
    total: "Floats"


@lru_cache(maxsize=65536)
def cube_cycles(product: Matrix, cores: int, bytes_per_cycle: float) -> float:
    """Cycles of the busiest core under the best division of a product over the cores.

    Batch, columns and rows are cut into at most `cores` pieces, as GE's tiling does; a piece is padded to blocks of 16.
    Cuts across rows or batch read the right side again, cuts across columns the left side again: the cube waits if L2,
    at `bytes_per_cycle` for all cores together, cannot feed it. The minimum over divisions makes the result monotone:
    never less for a larger product, never more for more cores.
    """
    blocks = product.n // BLOCK
    sets = product.batch * product.groups
    left = sets * product.rows * product.row * product.k // product.taps
    right = product.groups * product.k * product.n
    best = float("inf")
    for by_set in _divisions(sets, cores):
        again = min(by_set, product.batch) if product.constant else product.batch
        for by_n in _divisions(blocks, cores // by_set):
            for by_rows in reversed(_divisions(product.rows, cores // by_set // by_n)):
                piece = padded(-(-product.rows // by_rows) * product.row) // BLOCK
                computing = -(-sets // by_set) * piece * (product.k // BLOCK) * -(-blocks // by_n)
                feeding = 2.0 * (left * by_n + right * by_rows * again) / bytes_per_cycle
                best = min(best, max(float(computing), feeding))
                if computing >= feeding:
                    break  # fewer cuts leave the busiest core still more to compute
    return best * product.steps


def _divisions(size: int, cores: int) -> list[int]:
    """Numbers of pieces worth trying: each gives the busiest core less to do than the one before."""
    tried: list[int] = []
    least = size + 1
    for pieces in range(1, max(1, min(size, cores)) + 1):
        share = -(-size // pieces)
        if share < least:
            least = share
            tried.append(pieces)
    return tried


def demand(works: Sequence[Work], soc: Soc) -> Demand:
    """What `works` ask of `soc`. Free kernels ask nothing and are left out by the caller."""
    import numpy as np

    edges = _edges(works, soc)
    vector_rate = LANES * soc.vector_units * soc.clock_hz
    return Demand(
        cube_s=np.array([_cube_s(work, soc) for work in works]),
        vector_s=np.array([work.passes for work in works]) / vector_rate,
        l2_s=np.array([work.bytes for work in works]) / soc.l2_rate,
        weights_s=np.array([w.weights for w in works]) / soc.ddr_rate,
        launches=np.array([1 + sum(m.steps - 1 for m in w.products) for w in works], dtype=float),
        strided=np.array([w.strided for w in works], dtype=float),
        edge_kernel=np.array([e[0] for e in edges], dtype=np.int64),
        edge_s=np.array([e[1] for e in edges]),
        edge_distance=np.array([e[2] for e in edges]),
    )


def _cube_s(work: Work, soc: Soc) -> float:
    """Seconds of the busiest core at peak."""
    slower = FP32_CUBE_SLOWER if work.single and soc.fp32_cube != "none" else 1.0
    feed = soc.l2_rate / soc.clock_hz
    return sum(cube_cycles(product, soc.cores, feed) for product in work.products) * slower / soc.clock_hz


def _edges(works: Sequence[Work], soc: Soc) -> list[tuple[int, float, float]]:
    """Each activation access with its reuse distance: bytes touched from the middle of one kernel to the next one's."""
    middle: list[float] = []
    touched = 0.0
    for work in works:
        footprint = sum(a.size for a in (*work.reads, *work.writes)) + work.weights
        middle.append(touched + footprint / 2)
        touched += footprint
    last: dict[str, int] = {}
    writes: dict[str, tuple[int, int, float]] = {}
    edges: list[tuple[int, float, float]] = []
    for index, work in enumerate(works):
        for access in work.reads:
            distance = float("inf")
            if access.tensor in last and not access.outside:
                distance = (middle[index] - middle[last[access.tensor]]) / soc.l2_bytes
            if access.tensor in writes:
                kernel, size, farthest = writes[access.tensor]
                writes[access.tensor] = (kernel, size, max(farthest, distance))
            last[access.tensor] = index
            edges.append((index, access.size / soc.ddr_rate, distance))
        for access in work.writes:
            last[access.tensor] = index
            writes[access.tensor] = (index, access.size, float("inf") if access.outside else 0.0)
    edges.extend((kernel, size / soc.ddr_rate, distance) for kernel, size, distance in writes.values())
    return edges


def times(asked: Demand, fitted: Coefficients) -> Times:
    """The formula, per kernel, in seconds."""
    import numpy as np

    missing = fitted.spill * np.clip(asked.edge_distance / fitted.resident - 1.0, 0.0, 1.0)
    ddr = asked.weights_s + np.bincount(asked.edge_kernel, asked.edge_s * missing, minlength=len(asked.weights_s))
    slower = 1.0 + asked.strided * (fitted.strided - 1.0)
    memory = np.maximum(ddr / fitted.ddr, asked.l2_s / fitted.l2) * slower
    cube, vector = asked.cube_s / fitted.cube, asked.vector_s / fitted.vector
    overhead = asked.launches * fitted.overhead_s
    return Times(cube, vector, memory, overhead, np.maximum(np.maximum(cube, vector), memory) + overhead)
