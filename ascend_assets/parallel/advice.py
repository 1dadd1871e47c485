"""What several cards would give one compiled model: does it fit, how fast, and what would have to be sent.

Here belong pure functions of a profile. Sources of the layouts: data and pipeline parallelism as in GPipe (Huang et al.
2019), tensor parallelism as in Megatron-LM (Shoeybi et al. 2019: the weights of every multiplication are split, and its
partial results are summed over all cards). Not here: the words (`wording.py`).

What is known of a layout is memory and the time of computing, by the same profile that the gates judge. Sending is
counted in bytes and not in time, for the speed of links between cards is in no table that this project trusts: every
time is a lower bound, and says so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from resources.ascend.toolchain import OpTime, Profile

CARDS = (1, 2, 4, 8)
RESERVE = 0.9
"""Share of a card's memory that a model may take: the runtime needs some, and a layout that just fits does not."""
_CUBE = frozenset({"Conv", "MatMul", "Gemm", "ConvTranspose", "MatMulV2", "BatchMatMul", "Conv2D", "Einsum"})

Kind = Literal["one", "data", "pipeline", "tensor"]


@dataclass(frozen=True)
class Layout:
    """One way to use `cards` cards.

    `memory_bytes`: on the fullest card. `latency_ms` of one batch and `throughput` in samples per second, without the
    time of sending: a lower and an upper bound. `sent_bytes`: between cards for one batch. `cuts`: nodes behind which
    a pipeline is cut.
    """

    kind: Kind
    cards: int
    memory_bytes: int
    fits: bool
    latency_ms: float
    throughput: float
    sent_bytes: int = 0
    cuts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Advice:
    """All layouts that were looked at, and the one to begin with: None where none fits on so many cards."""

    layouts: tuple[Layout, ...]
    best: Layout | None
    available_bytes: int


def advise(profile: Profile, cards: Sequence[int] = CARDS) -> Advice | None:
    """Layouts for a profile; None where its memory, its card's or its operators' times are not known."""
    known = profile.memory_bytes > 0 and profile.memory_available_bytes > 0 and profile.ops
    if not known or not math.isfinite(profile.latency_ms.p50) or profile.latency_ms.p50 <= 0:
        return None
    room = int(profile.memory_available_bytes * RESERVE)
    layouts = tuple(layout for count in cards for layout in _with(profile, count, room))
    fitting = [layout for layout in layouts if layout.fits]
    # Fewest cards; of those the least that is sent, then the fastest.
    best = min(fitting, key=lambda each: (each.cards, each.sent_bytes, each.latency_ms), default=None)
    return Advice(layouts, best, profile.memory_available_bytes)


def _with(profile: Profile, cards: int, room: int) -> tuple[Layout, ...]:
    if cards == 1:
        needed = profile.memory_bytes
        return (Layout("one", 1, needed, needed <= room, profile.latency_ms.p50, profile.throughput),)
    return (_data(profile, cards, room), _pipeline(profile, cards, room), _tensor(profile, cards, room))


def _data(profile: Profile, cards: int, room: int) -> Layout:
    """Every card holds all of it and takes batches of its own."""
    needed = profile.memory_bytes
    return Layout("data", cards, needed, needed <= room, profile.latency_ms.p50, profile.throughput * cards)


def _pipeline(profile: Profile, cards: int, room: int) -> Layout:
    """Consecutive operators on each card, cut so that the slowest part is as fast as it can be.

    A part takes memory by what its operators move, which is weights and activations; a batch goes through all parts,
    and the slowest sets the pace.
    """
    bounds = _cut([op.time_us for op in profile.ops], cards)
    moved = [sum(op.bytes for op in profile.ops[low:high]) for low, high in bounds]
    times = [sum(op.time_us for op in profile.ops[low:high]) for low, high in bounds]
    whole = sum(moved) or 1
    fullest = math.ceil(profile.memory_bytes * max(moved) / whole)
    slowest = max(times) / (sum(times) or 1.0)
    ends = [profile.ops[high - 1] for _, high in bounds[:-1]]
    return Layout(
        kind="pipeline",
        cards=len(bounds),
        memory_bytes=fullest,
        fits=fullest <= room,
        latency_ms=profile.latency_ms.p50,
        throughput=profile.throughput / slowest if slowest else profile.throughput,
        sent_bytes=sum(_output(op) for op in ends),
        cuts=tuple(op.node for op in ends),
    )


def _tensor(profile: Profile, cards: int, room: int) -> Layout:
    """Every multiplication's weights are split over the cards, and its results summed over all of them.

    Other operators run whole on every card. A sum over all cards sends each result twice, by the usual ring.
    """
    split = [op for op in profile.ops if op.op in _CUBE]
    whole = sum(op.time_us for op in profile.ops) or 1.0
    share = sum(op.time_us for op in split) / whole
    moved = sum(op.bytes for op in profile.ops) or 1
    parted = sum(op.bytes for op in split) / moved
    needed = math.ceil(profile.memory_bytes * (1 - parted + parted / cards))
    faster = 1 - share + share / cards
    return Layout(
        kind="tensor",
        cards=cards,
        memory_bytes=needed,
        fits=needed <= room,
        latency_ms=profile.latency_ms.p50 * faster,
        throughput=profile.throughput / faster,
        sent_bytes=sum(2 * _output(op) for op in split),
    )


def _output(op: OpTime) -> int:
    """Bytes of an operator's result at most: it cannot be more than all that the operator moves."""
    return max(0, op.bytes)


def _cut(times: Sequence[float], parts: int) -> list[tuple[int, int]]:
    """Consecutive parts, none empty, whose longest is as short as it can be: bisection on its length, then greedy."""
    parts = min(parts, len(times))
    low, high = max(times, default=0.0), sum(times)
    for _ in range(60):
        middle = (low + high) / 2
        if _needed(times, middle) <= parts:
            high = middle
        else:
            low = middle
    return _greedy(times, high * (1 + 1e-9), parts)


def _needed(times: Sequence[float], longest: float) -> int:
    parts, filled = 1, 0.0
    for time in times:
        if filled + time > longest and filled:
            parts, filled = parts + 1, 0.0
        filled += time
    return parts


def _greedy(times: Sequence[float], longest: float, parts: int) -> list[tuple[int, int]]:
    bounds: list[tuple[int, int]] = []
    begin, filled = 0, 0.0
    for index, time in enumerate(times):
        left = len(times) - index
        wanted = parts - len(bounds) - 1
        full = filled + time > longest and index > begin
        # The parts that are still to come need an operator each.
        if wanted and (full or left == wanted) and index > begin:
            bounds.append((begin, index))
            begin, filled = index, 0.0
        filled += time
    return [*bounds, (begin, len(times))]
