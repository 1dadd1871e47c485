"""Where a model's time goes, and what a device does slowly without need.

Here belong facts of the profile, of the compiler's warnings and of the graph, each with its share of the time.
`slow` in the values says whether a gate refuses the model for its speed: without that they are mere possibilities. Not
here: memory (`memory.py`), or how long anything takes (the toolchain).
"""

from collections.abc import Callable, Iterator

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.reading import Reading, told
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import EnableSmallChannel
from resources.ascend.aipp import StaticAipp
from resources.ascend.toolchain import OpTime, Profile
from resources.onnx_files.graph import Node

MAKES = {
    "small_channels": Kind(("slow", "channels", "aipp", "node"), ("enable_small_channel",)),
    "small_batch": Kind(("slow", "batch", "utilisation")),
    "ai_cpu": Kind(("slow", "ops", "number", "share")),
    "layout_moves": Kind(("slow", "ops", "number", "share")),
    "launch_bound": Kind(("slow", "kernels", "share", "mean_us")),
    "memory_bound": Kind(("slow", "share")),
    "compute_bound": Kind(("slow", "share", "op", "node")),
    "wide_nodes": Kind(("slow", "kept", "number", "share")),
}

CRITERIA = frozenset({"latency_p99_ms", "throughput", "aicore_utilisation", "latency_regression"})
_SMALL_CHANNELS = 4
_LOW_UTILISATION = 0.4
_NOTABLE = 0.1
"""Share of the time below which nobody would change a model for it."""
_MOVES = frozenset(
    {"Cast", "Gather", "Pad", "Permute", "Reshape", "Slice", "Split", "StridedSlice", "Tile", "TransData", "Transpose"}
)
_NOT_AT_HAND = "W11001"
"""ATC's warning that an operator has no kernel in the library of the first choice: it runs, slowly."""


def observe(case: Case) -> Iterator[Observation]:
    """What could be faster; `slow` is 1 where a gate asks for it."""
    slow = int(any(verdict.criterion in CRITERIA and verdict.judged for verdict in case.refused))
    reading = Reading(case)
    yield from _small_channels(reading, slow)
    yield from _warned(case, slow)
    if case.profile is None:
        return
    for look in _LOOKS:
        yield from look(reading, case.profile, slow)


def _small_channels(reading: Reading, slow: int) -> Iterator[Observation]:
    options = reading.case.options
    if options.enable_small_channel:
        return
    for node in reading.nodes:
        if node.op != "Conv" or not node.inputs or reading.root(node.inputs[0]) not in reading.graph.inputs:
            continue
        tensor = reading.graph.tensors.get(node.inputs[0])
        channels = tensor.shape[1] if tensor and tensor.shape and len(tensor.shape) > 1 else 0
        if not 0 < channels <= _SMALL_CHANNELS:
            continue
        static = any(isinstance(op, StaticAipp) for op in options.aipp)
        yield Observation(
            kind="small_channels",
            says=f"{told([node])} reads an image of {channels} channels, which is padded to 16",
            nodes=(node.name,),
            values={"slow": slow, "channels": channels, "aipp": int(static), "node": node.name},
            remedies=offer(EnableSmallChannel),
            from_="verdicts" if slow else "options",
        )


def _warned(case: Case, slow: int) -> Iterator[Observation]:
    """Operators that run on the AI CPU, by the profile or by the compiler's warning."""
    ops = case.profile.ops if case.profile else ()
    times = {op.node: op for op in ops}
    on_cpu = {op.node: op.op for op in ops if op.core == "AI_CPU"}
    named = [node for item in case.diagnostics if item.code == _NOT_AT_HAND for node in item.nodes]
    nodes = tuple(dict.fromkeys((*on_cpu, *named)))
    if not nodes:
        return
    share = _share(case.profile, [times[node] for node in nodes if node in times]) if case.profile else 0.0
    kinds = ", ".join(dict.fromkeys(plain(times[node].op) for node in nodes if node in times))
    yield Observation(
        kind="ai_cpu",
        says=f"{len(nodes)} operators run on the AI CPU, {share:.0%} of the time: {', '.join(map(plain, nodes[:5]))}",
        nodes=nodes,
        values={"slow": slow, "ops": kinds or "-", "number": len(nodes), "share": round(share, 3)},
        from_="profile" if on_cpu else "log",
    )


def _share(profile: Profile, ops: list[OpTime]) -> float:
    """Share of the time of all operators."""
    total = sum(op.time_us for op in profile.ops)
    return sum(op.time_us for op in ops) / total if total > 0 else 0.0


def _batch(_: Reading, profile: Profile, slow: int) -> Iterator[Observation]:
    if profile.batch == 1 and profile.aicore_utilisation < _LOW_UTILISATION:
        yield _fact(
            "small_batch",
            f"one sample at a time, and AI cores compute {profile.aicore_utilisation:.0%} of the time",
            (),
            {"slow": slow, "batch": 1, "utilisation": round(profile.aicore_utilisation, 3)},
        )


def _moves(_: Reading, profile: Profile, slow: int) -> Iterator[Observation]:
    ops = [op for op in profile.ops if op.op in _MOVES]
    share = _share(profile, ops)
    if share < _NOTABLE:
        return
    slowest = sorted(ops, key=lambda op: -op.time_us)
    kinds = ", ".join(dict.fromkeys(op.op for op in slowest))
    yield _fact(
        "layout_moves",
        f"{len(ops)} kernels only move or convert data, {share:.0%} of the time: {kinds}",
        tuple(op.node for op in slowest),
        {"slow": slow, "ops": kinds, "number": len(ops), "share": round(share, 3)},
    )


def _launches(_: Reading, profile: Profile, slow: int) -> Iterator[Observation]:
    waiting = [op for op in profile.ops if op.bound == "overhead"]
    if profile.bound != "overhead" or not waiting:
        return
    share, kernels = _share(profile, waiting), len(profile.ops)
    mean = sum(op.time_us for op in profile.ops) / kernels
    yield _fact(
        "launch_bound",
        f"{len(waiting)} of {kernels} kernels cost more to begin than to compute, {mean:.1f} us each on average",
        (),
        {"slow": slow, "kernels": kernels, "share": round(share, 3), "mean_us": round(mean, 2)},
    )


def _bandwidth(_: Reading, profile: Profile, slow: int) -> Iterator[Observation]:
    if profile.bound == "memory":
        share = _share(profile, [op for op in profile.ops if op.bound == "memory"])
        says = f"kernels that wait for memory take {share:.0%} of the time"
        yield _fact("memory_bound", says, (), {"slow": slow, "share": round(share, 3)})


def _compute(_: Reading, profile: Profile, slow: int) -> Iterator[Observation]:
    ops = [op for op in profile.ops if op.bound in {"cube", "vector"}]
    if profile.bound not in {"cube", "vector"} or not ops:
        return
    slowest = max(ops, key=lambda op: op.time_us)
    share = _share(profile, ops)
    says = f"kernels that compute take {share:.0%} of the time, most of all {plain(slowest.node)} ({plain(slowest.op)})"
    values: dict[str, Value] = {"slow": slow, "share": round(share, 3), "op": slowest.op, "node": slowest.node}
    yield _fact("compute_bound", says, (slowest.node,), values)


def _wide(reading: Reading, profile: Profile, slow: int) -> Iterator[Observation]:
    """What FP32 costs: the nodes that options keep wide."""
    options = reading.case.options
    if options.mode == "force_fp16" and not options.keep_dtype:
        return
    wide: list[Node] = [node for node in reading.nodes if reading.kind(node) == "float32"]
    names = {node.name for node in wide}
    share = _share(profile, [op for op in profile.ops if op.node in names])
    if share < _NOTABLE:
        return
    values: dict[str, Value] = {
        "slow": slow,
        "kept": len(options.keep_dtype),
        "number": len(wide),
        "share": round(share, 3),
    }
    yield _fact("wide_nodes", f"{len(wide)} nodes compute in FP32, {share:.0%} of the time", (), values)


def _fact(kind: str, says: str, nodes: tuple[str, ...], values: dict[str, Value]) -> Observation:
    return Observation(kind=kind, says=says, nodes=nodes, values=values, from_="profile")


_LOOKS: tuple[Callable[[Reading, Profile, int], Iterator[Observation]], ...] = (
    _batch,
    _moves,
    _launches,
    _bandwidth,
    _compute,
    _wide,
)
