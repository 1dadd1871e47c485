"""Operators of one inference from the tasks of many.

Here belong leaving the warm-up out, an operator's mean time, what it has to do, and what holds the model back; pure.
Not here: the formulas for cores (`utilisation.py`), or running anything (`profile.py`).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from resources.ascend.cann.environment.chip import Chip
from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.profiling import utilisation
from resources.ascend.cann.profiling.op_summary import OpRecord
from resources.ascend.toolchain import Bound, OpTime

MAX_OPERATORS = 50_000
"""Operators of a model. The largest that are compiled whole have some 20,000."""
MAX_WORK = 1 << 60
"""Operations or bytes of one operator, beyond which the table is damaged."""

_BYTES = {"float16": 2, "bfloat16": 2, "bf16": 2, "float": 4, "float32": 4, "int8": 1, "uint8": 1, "bool": 1}
_BYTES |= {"int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8, "double": 8, "hf32": 4}

_PLAIN = 2
"""The rank of matrices whose product has one reading."""

_Runs = Mapping[tuple[str, str], Sequence[OpRecord]]


def counted(records: Sequence[OpRecord], warmup: int, loops: int) -> tuple[OpRecord, ...]:
    """The runs after the warm-up, in the order of their starts: of each operator the last `loops` in `warmup + loops`.

    Where a task has no start, the table's order is taken.
    """
    timed = not any(math.isnan(record.start_us) for record in records)
    ordered = sorted(records, key=lambda record: record.start_us) if timed else list(records)
    left = {which: len(each) * warmup // (warmup + loops) for which, each in _runs(ordered).items()}
    kept = []
    for record in ordered:
        which = record.name, record.op
        if left[which] > 0:
            left[which] -= 1
        else:
            kept.append(record)
    return tuple(kept)


def inferences(records: Iterable[OpRecord]) -> int:
    """How often the model ran: operators run once an inference, those in a loop more often, so the commonest count."""
    found = Counter(len(each) for each in _runs(records).values())
    return max(found, key=lambda count: (found[count], -count), default=0)


def operators(
    records: Iterable[OpRecord],
    cores: Chip | None = None,
    origins: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> tuple[OpTime, ...]:
    """One entry per operator, in the order of the records: what it takes, and has to do, in one inference.

    `origins`: the ONNX nodes that a device's operator stands for; one that is not in it keeps the device's name.
    Raises `BadOutput` for more operators than any model has.
    """
    runs = _runs(records)
    if len(runs) > MAX_OPERATORS:
        raise BadOutput(f"the profile names {len(runs):,} operators, {MAX_OPERATORS:,} are read: profile again")
    count = inferences(record for each in runs.values() for record in each)
    return tuple(
        OpTime(
            node=" + ".join(origins.get(name, ())) or name,
            op=op,
            time_us=math.fsum(record.duration_us for record in each) / count,
            bound=_commonest(utilisation.bound(record, cores) for record in each),
            flops=_mean(map(flops, each), count),
            bytes=_mean(map(moved, each), count),
            core=each[0].task_type,
        )
        for (name, op), each in runs.items()
    )


def share(records: Sequence[OpRecord], wall_us: float, cores: Chip | None = None) -> float:
    """AI cores' share of an inference's time without a profiler, `wall_us` microseconds; NaN where nothing is known."""
    return utilisation.window(records, wall_us * inferences(records), cores)


def whole(ops: Iterable[OpTime]) -> Bound:
    """What holds the model back: the bound that most of the operators' time is under. Overhead without operators."""
    times: dict[Bound, float] = defaultdict(float)
    for op in ops:
        times[op.bound] += op.time_us
    return max(times, key=lambda bound: times[bound], default="overhead")


def flops(record: OpRecord) -> int:
    """Operations of one run; 0 where they cannot be told for certain.

    Counted by the cores where the profile has that, else 2 m n k for a product of two plain matrices, for which
    k is sqrt(|A| |B| / |C|) whichever is transposed.
    """
    if record.fops > 0:
        return _believed(int(record.fops))
    shapes, made = record.input_shapes, record.output_shapes
    if "MatMul" not in record.op or len(shapes) < _PLAIN or not made:
        return 0
    left, right, out = shapes[0], shapes[1], made[0]
    if any(len(shape) != _PLAIN or min(shape) <= 0 for shape in (left, right, out)):
        return 0
    both = math.prod(left) * math.prod(right)
    inner = math.isqrt(both // math.prod(out))
    return _believed(2 * math.prod(out) * inner) if inner * inner * math.prod(out) == both else 0


def moved(record: OpRecord) -> int:
    """Bytes of inputs and outputs; 0 where a shape or a type is not told."""
    total = 0
    for shapes, types in (
        (record.input_shapes, record.input_dtypes),
        (record.output_shapes, record.output_dtypes),
    ):
        if len(shapes) != len(types) or any(kind not in _BYTES for kind in types):
            return 0
        total += sum(max(math.prod(shape), 0) * _BYTES[kind] for shape, kind in zip(shapes, types, strict=True))
    return _believed(total)


def _runs(records: Iterable[OpRecord]) -> _Runs:
    found: dict[tuple[str, str], list[OpRecord]] = defaultdict(list)
    for record in records:
        found[record.name, record.op].append(record)
    return found


def _mean(amounts: Iterable[int], count: int) -> int:
    """What one inference does; 0 where one of the runs does not tell."""
    found = list(amounts)
    return round(sum(found) / count) if all(found) else 0


def _believed(amount: int) -> int:
    return amount if amount <= MAX_WORK else 0


def _commonest(bounds: Iterable[Bound]) -> Bound:
    found = Counter(bounds)
    return max(found, key=lambda bound: found[bound])
