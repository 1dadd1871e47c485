"""The tables of the stand-in `msprof`: op_summary in three generations, op_statistic and task_time.

Cycles, frequency, cores and times agree with each other as in real profiles: aicore_time is cycles by frequency, by
blocks, times the rounds that the blocks need.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stand_ins.compiling import GE_TYPES
from stand_ins.payload import from_om
from stand_ins.tree import Tree

_TASK = "Model ID,Task ID,Stream ID,Op Name,OP Type"
_TENSORS = [
    "Input Shapes",
    "Input Data Types",
    "Input Formats",
    "Output Shapes",
    "Output Data Types",
    "Output Formats",
    "Context ID",
]
_AIC = ["mac", "scalar", "mte1", "mte2", "fixpipe"]
_AIV = ["vec", "scalar", "mte2", "mte3"]
_OLD = ["vec", "mac", "scalar", "mte1", "mte2", "mte3"]
_BUSY = 0.9
_CUBE = frozenset({"Conv2D", "MatMulV2", "BatchMatMulV2"})


def figures(soc: str) -> tuple[int, float]:
    """Cores and clock in MHz of a SoC."""
    from resources.ascend.soc import soc as known

    chip = known(soc)
    return chip.cores, chip.clock_hz / 1e6


def tables(tree: Tree, om: Path, runs: int, device: int) -> dict[str, str]:
    """Every table's text by its name."""
    meta = from_om(om).meta
    gear = max(meta["times"], key=lambda each: each["ms"])
    nodes = {node["onnx"]: node for node in meta["nodes"]}
    rows = []
    start = 1717575960208020.758
    for _ in range(runs):
        for task, (name, op, spent, bound) in enumerate(gear["ops"], 2):
            node = nodes.get(name, {"name": name, "type": GE_TYPES.get(op, op), "inputs": [], "outputs": []})
            rows.append(_row(tree, node, task, start, spent, bound, gear["tensors"]))
            start += spent + 1.5
    header = _header(tree)
    summary = [{**row, "Device_id": device} for row in rows]
    return {
        "op_summary": _text(header, summary),
        "op_statistic": _text(_STATISTIC, _statistic(summary)),
        "task_time": _text(_TIMES, [_time(row) for row in summary]),
    }


def _header(tree: Tree) -> list[str]:
    tensors = list(_TENSORS[:-1])
    if tree.generation == "7":
        times = ["Task Type", "Task Start Time", "Task Duration(us)", "Task Wait Time(us)", "Block Dim"]
        ratios = [f"{unit}_{kind}" for unit in _OLD for kind in ("time(us)", "ratio")]
        rest = ["aicore_time(us)", "total_cycles", *ratios, "icache_miss_rate", "memory_bound"]
        return [*_TASK.split(","), *times, *tensors, *rest]
    blocks = ["Block Dim", "Mix Block Dim"] if tree.generation == "8" else ["Block Num", "Mix Block Num"]
    times = ["OP State", "Task Type", "Task Start Time(us)", "Task Duration(us)", "Task Wait Time(us)", *blocks]
    aic = [f"aic_{unit}_{kind}" for unit in _AIC for kind in ("time(us)", "ratio")]
    aiv = [f"aiv_{unit}_{kind}" for unit in _AIV for kind in ("time(us)", "ratio")]
    cube = ["aicore_time(us)", "aic_total_cycles", *aic, "aic_icache_miss_rate"]
    vector = ["aiv_time(us)", "aiv_total_cycles", *aiv, "aiv_icache_miss_rate", "cube_utilization(%)"]
    return ["Device_id", *_TASK.split(","), *times, "HF32 Eligible", *tensors, "Context ID", *cube, *vector]


def _row(
    tree: Tree,
    node: Mapping[str, Any],
    task: int,
    start: float,
    spent: float,
    bound: str,
    shapes: Mapping[str, Sequence[int]],
) -> dict[str, Any]:
    cores, clock = figures(tree.soc)
    blocks = cores
    cube = node["type"] in _CUBE
    busy = spent * _BUSY
    cycles = round(busy * clock * blocks / math.ceil(blocks / cores))
    listed = [";".join(",".join(map(str, shapes.get(n, ()))) for n in node[end]) for end in ("inputs", "outputs")]
    mixed = tree.generation != "7"
    kind = "AI_CORE" if cube or not mixed else "AI_VECTOR_CORE"
    row: dict[str, Any] = {
        "Model ID": 1,
        "Task ID": task,
        "Stream ID": 1,
        "Op Name": node["name"],
        "OP Type": node["type"],
        "OP State": "static",
        "Task Type": kind,
        "Task Start Time": f"{start:.3f}",
        "Task Start Time(us)": f"{start:.3f}\t",
        "Task Duration(us)": round(spent, 3),
        "Task Wait Time(us)": 1.5,
        "Block Dim": blocks,
        "Block Num": blocks,
        "Mix Block Dim": 4294967295 if tree.generation == "8" else 0,
        "Mix Block Num": 0,
        "HF32 Eligible": "NO",
        "Input Shapes": f'"{listed[0]}"' if listed[0] else "N/A",
        "Input Data Types": ";".join("FLOAT16" for _ in node["inputs"]) or "N/A",
        "Input Formats": ";".join("ND" for _ in node["inputs"]) or "N/A",
        "Output Shapes": f'"{listed[1]}"' if listed[1] else "N/A",
        "Output Data Types": ";".join("FLOAT16" for _ in node["outputs"]) or "N/A",
        "Output Formats": ";".join("ND" for _ in node["outputs"]) or "N/A",
        "Context ID": "N/A",
    }
    units = _old_units(busy, cycles, bound) if not mixed else _units(busy, cycles, bound, cube=cube)
    return row | units | {"cube_utilization(%)": cycles / (cores * clock * spent) * 100 if cube else 0}


def _old_units(busy: float, cycles: int, bound: str) -> dict[str, Any]:
    shares = _unit_shares(bound, _OLD)
    made = _shares("", shares, busy) | {"aicore_time(us)": round(busy, 3), "total_cycles": cycles}
    return made | {"icache_miss_rate": 0.001, "memory_bound": round(shares["mte2"] / max(shares["mac"], 0.1), 4)}


def _units(busy: float, cycles: int, bound: str, *, cube: bool) -> dict[str, Any]:
    if cube:
        made = _shares("aic_", _unit_shares(bound, _AIC), busy)
        made |= {"aicore_time(us)": round(busy, 3), "aic_total_cycles": cycles, "aic_icache_miss_rate": 0.001}
        return made | {"aiv_time(us)": 0, "aiv_total_cycles": 0}
    made = _shares("aiv_", _unit_shares(bound, _AIV), busy)
    made |= {"aiv_time(us)": round(busy, 3), "aiv_total_cycles": cycles, "aiv_icache_miss_rate": 0.001}
    return made | {"aicore_time(us)": 0, "aic_total_cycles": 0}


def _unit_shares(bound: str, units: Sequence[str]) -> dict[str, float]:
    held = {"cube": "mac", "vector": "vec", "memory": "mte2"}.get(bound, "scalar")
    return {unit: 0.85 if unit == held else 0.1 for unit in units}


def _shares(prefix: str, shares: Mapping[str, float], busy: float) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for unit, share in shares.items():
        made |= {f"{prefix}{unit}_time(us)": round(busy * share, 3), f"{prefix}{unit}_ratio": share}
    return made


_STATISTIC = [
    "Device_id",
    "OP Type",
    "Core Type",
    "Count",
    "Total Time(us)",
    "Min Time(us)",
    "Avg Time(us)",
    "Max Time(us)",
    "Ratio(%)",
]
_TIMES = [
    "Device_id",
    "kernel_name",
    "kernel_type",
    "stream_id",
    "task_id",
    "task_time(us)",
    "task_start(us)",
    "task_stop(us)",
]


def _statistic(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        found.setdefault((row["OP Type"], row["Task Type"]), []).append(row["Task Duration(us)"])
    total = sum(map(sum, found.values())) or 1.0
    made = []
    for (op, core), times in found.items():
        low, high, whole = min(times), max(times), sum(times)
        figures = [
            rows[0]["Device_id"],
            op,
            core,
            len(times),
            whole,
            low,
            whole / len(times),
            high,
            whole / total * 100,
        ]
        made.append(dict(zip(_STATISTIC, figures, strict=True)))
    return made


def _time(row: Mapping[str, Any]) -> dict[str, Any]:
    start = float(row["Task Start Time"])
    kept = (row["Device_id"], row["Op Name"], row["Task Type"], 1, row["Task ID"], row["Task Duration(us)"])
    return dict(zip(_TIMES, (*kept, f"{start:.3f}\t", f"{start + row['Task Duration(us)']:.3f}\t"), strict=True))


def _text(header: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="N/A", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
