"""The order in which a comparison's segments run: two networks and the measuring, each a step ahead of the next.

Here belong the threads. While the device's part of one segment runs, FP32 runs the next, and the caller measures the
one before: the three keep the processors busy without waiting for each other inside an operator. Not here: what a
segment is (`segments.py`), or what is made of it (`compare.py`).
"""

from collections import deque
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.ascend.emulator.running import Runner
from resources.ascend.emulator.segments import Segment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

IN_FLIGHT = 4
"""Segments that exist at a time: in FP32, on the device, being measured, and one so that none waits for another."""


@dataclass(frozen=True)
class Ran:
    """A segment that has run: the tensors it was given, and all that are known after it."""

    segment: Segment
    given: "Tensors"
    known: "Tensors"

    @property
    def live(self) -> "dict[str, NDArray[Any]]":
        """What later segments and the outputs need."""
        return {name: array for name, array in self.known.items() if name in self.segment.needed}


def run_all(runner: Runner, segments: tuple[Segment, ...], inputs: "Tensors") -> Generator[Ran, None, None]:
    """Run the segments in order and hand out each; at most `IN_FLIGHT` exist at a time.

    Raises `ValueError` when ONNX Runtime cannot run one.
    """
    with ThreadPoolExecutor(1) as references, ThreadPoolExecutor(1) as devices:
        reference: Future[Ran] | None = None
        device: Future[Ran] | None = None
        waiting: deque[Future[Ran]] = deque()
        for segment in segments:
            reference = references.submit(_reference, runner, segment, inputs, reference)
            device = devices.submit(_device, runner, segment, reference, device)
            waiting.append(device)
            if len(waiting) == IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def run_one(runner: Runner, segment: Segment, given: "Tensors") -> Ran:
    """Run one segment again on what it was given."""
    known = {**given, **runner.run(segment.fp32, given)}
    return Ran(segment, given, {**known, **runner.run(segment.device, known)})


def _reference(runner: Runner, segment: Segment, inputs: "Tensors", before: "Future[Ran] | None") -> Ran:
    given = before.result().live if before is not None else inputs
    return Ran(segment, given, {**given, **runner.run(segment.fp32, given)})


def _device(runner: Runner, segment: Segment, reference: "Future[Ran]", before: "Future[Ran] | None") -> Ran:
    ours = before.result().live if before is not None else {}
    fp32 = reference.result()
    known = {**ours, **fp32.known}
    return Ran(segment, {**ours, **fp32.given}, {**known, **runner.run(segment.device, known)})
