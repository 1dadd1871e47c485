"""What each SoC can do: cores, clock, buffers, memory.

Here belongs the typed reading of the two hardware tables: `soc_platform.csv` (per-core figures of CANN 8.1's platform
configuration) and `soc_memory.csv` (bandwidth and usable memory, each row with its source, because the platform
configuration's `ddr_rate` is a compiler cost and not a bandwidth). Not here: how fast anything runs on it.
"""

import csv
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

from pydantic import BaseModel, ConfigDict

MAC_PER_CYCLE = 16 * 16 * 16
"""FP16 multiply-accumulates that one cube unit does in a cycle (DtypeMKN 16,16,16)."""

LANES = 128
"""FP16 elements that one vector unit handles in a cycle (`vec_calc_size`)."""


class UnknownSocError(ValueError):
    """A SoC version that the tables do not know; the message lists the legal ones."""


class Soc(BaseModel):
    """One SoC. Clock in Hz, sizes in bytes, rates in bytes per second unless the name says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    family: str
    generation: str
    cores: int
    vector_units: int
    clock_hz: float
    l2_bytes: int
    l2_rate: float
    ddr_rate: float
    memory_bytes: int
    source: str

    @property
    def cube_flops(self) -> float:
        """Peak FP16 FLOP/s of all cubes: cores x 16^3 x 2 x clock."""
        return self.cores * MAC_PER_CYCLE * 2 * self.clock_hz

    @property
    def fp32_cube(self) -> Literal["none", "quarter"]:
        """FP32 in the cube: absent on 310, 310P and the first 910; elsewhere about a quarter of the FP16 rate.

        A quarter is 83 TFLOPS against 294.9 for Ascend910B3 (msmodeling's device profile).
        """
        return "none" if self.family in {"Ascend310", "Ascend310P", "Ascend910"} else "quarter"


@cache
def _table() -> dict[str, Soc]:
    tables = files("resources.ascend") / "tables"
    memory = {row["soc_version"]: row for row in _rows(tables / "soc_memory.csv")}
    platform = {row["soc_version"]: row for row in _rows(tables / "soc_platform.csv")}
    return {name: _soc(platform[name], row) for name, row in memory.items()}


def _rows(table: Traversable) -> list[dict[str, str]]:
    return list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))


def _soc(row: dict[str, str], memory: dict[str, str]) -> Soc:
    cores = int(row["ai_core_cnt"])
    clock = float(row["cube_freq_MHz"]) * 1e6
    vectors = int(row["vector_core_cnt"] or 0)
    return Soc(
        name=row["soc_version"],
        family=row["Short_SoC_version"],
        generation=row["AIC_version"],
        cores=cores,
        # The 910B has two vector cores per cube core, beside it. The 310P's AI cores have a vector unit each; its seven
        # separate vector cores can only take whole vector tasks and are left out.
        vector_units=max(cores, vectors),
        clock_hz=clock,
        l2_bytes=int(row["l2_size_bytes"]),
        l2_rate=float(row["l2_rate"]) * cores * clock,
        ddr_rate=float(memory["bandwidth_gb_s"]) * 1e9,
        memory_bytes=int(memory["memory_bytes"]),
        source=memory["source"],
    )


def soc_names() -> tuple[str, ...]:
    """Every SoC version with known figures, sorted."""
    return tuple(sorted(_table()))


def soc(name: str) -> Soc:
    """The figures of `name`, spelled as ATC's `--soc_version` (`Ascend910` means `Ascend910A`).

    Raises `UnknownSocError` with the legal names.
    """
    table = _table()
    found = table.get("Ascend910A" if name == "Ascend910" else name)
    if found is None:
        raise UnknownSocError(f"no hardware figures for SoC {name!r}: give one of {', '.join(soc_names())}")
    return found
