"""How much device memory a network needs: weights, the peak of live activations, workspace.

Here belongs the walk over the kernels with GE's memory reuse: a tensor's memory is free after its last reader. Not
here: what a SoC has (`resources/ascend/soc.py`).
"""

from collections.abc import Sequence

from resources.ascend.emulator.workload import Work

ALIGNMENT = 512
"""Bytes to which GE aligns a tensor's memory on the device."""


def memory_bytes(works: Sequence[Work]) -> int:
    """Weights in their device type, plus the peak of live activations, plus the largest kernel's workspace.

    A free kernel's result shares its input's memory. The workspace counts as the largest result in FP32, which is
    what a kernel that accumulates in FP32 sets aside.
    """
    owner: dict[str, str] = {}
    for work in works:
        if work.free and len(work.reads) == 1:
            root = owner.get(work.reads[0].tensor, work.reads[0].tensor)
            owner.update({access.tensor: root for access in work.writes})
    last = {owner.get(a.tensor, a.tensor): i for i, work in enumerate(works) for a in (*work.reads, *work.writes)}
    live: dict[str, int] = {}
    peak = 0
    for index, work in enumerate(works):
        for access in (*work.reads, *work.writes):
            root = owner.get(access.tensor, access.tensor)
            live[root] = max(live.get(root, 0), _aligned(access.size))
        peak = max(peak, sum(live.values()))
        for root in [name for name in live if last[name] <= index]:
            del live[root]
    weights = sum(_aligned(work.weights) + _aligned(work.held) for work in works)
    workspace = max((2 * access.size for work in works for access in work.writes), default=0)
    return weights + peak + workspace


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
