"""When ATC refuses gears: the checks of its `CheckDynamicInputParamValid`.

Not here: what gears stand for (`resources/ascend/gears.py`), or ranges, which the emulator does not take.
"""

from collections.abc import Iterator, Sequence

from resources.ascend.emulator.messages import diagnostic
from resources.ascend.gears import values
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Diagnostic

_FEWEST, _MOST = 2, 100
"""Gears per option (ATC's documentation; 256 on Ascend 950, which these tables do not hold)."""

_ONE_GEAR = "Each gear setting needs to be consistent with the number of -1 in the inputshape"


def refusals(options: CompileOptions) -> Iterator[Diagnostic]:
    """What ATC has against the gears, and the emulator against a -1 without any."""
    gears = values(options)
    if not gears:
        yield from _open_axes(options)
        return
    if len(gears) < _FEWEST:
        yield diagnostic("E10035", len(gears), _FEWEST, solution="Give at least two gears, or a fixed --input_shape.")
    if len(gears) > _MOST:
        yield diagnostic("E10036", len(gears), _MOST, solution=f"Give at most {_MOST} gears.")
    if len(set(gears)) != len(gears):
        yield diagnostic("E10039", solution="Give each gear once.")
    if options.dynamic_batch_size:
        yield from _batch(options)
    elif options.dynamic_image_size:
        yield from _image(options)
    else:
        yield from _dims(options, gears)


def _open_axes(options: CompileOptions) -> Iterator[Diagnostic]:
    built = "ATC would build a model of any shape, which the emulator does not run"
    for name, dims in options.input_shape.items():
        if -1 in dims:
            solution = "Give the axis a size, or list its sizes with one of the --dynamic_... options."
            reason = f"-1 stands for gears and no option lists them. {built}"
            yield diagnostic("EX0003", name, reason, nodes=(name,), solution=solution)


def _batch(options: CompileOptions) -> Iterator[Diagnostic]:
    for dims in options.input_shape.values():
        for axis, dim in enumerate(dims):
            if dim == -1 and axis:
                yield diagnostic("E10018", dim, axis, solution="Leave -1 to the first axis, or use --dynamic_dims.")
    if not any(dims[:1] == (-1,) for dims in options.input_shape.values()):
        yield diagnostic("E10031", solution='Set the first axis to -1: --input_shape="<input>:-1,...".')


def _image(options: CompileOptions) -> Iterator[Diagnostic]:
    rank = 5 if options.input_format == "NCDHW" else 4
    size = (rank - 2, rank - 1)
    open_axes = [
        tuple(axis for axis, dim in enumerate(dims) if dim == -1) for dims in options.input_shape.values() if -1 in dims
    ]
    if not open_axes:
        yield diagnostic("E10040", solution="Set height and width to -1 in --input_shape.")
    elif any(axes != size for axes in open_axes):
        yield diagnostic("E10019", solution=f"Leave -1 to the axes {size[0]} and {size[1]}, or use --dynamic_dims.")


def _dims(options: CompileOptions, gears: Sequence[Sequence[int]]) -> Iterator[Diagnostic]:
    if options.input_format != "ND":
        reason = "input_format must be ND when set dynamic_dims"
        yield diagnostic("E10001", options.input_format, "--input_format", reason, solution="Give --input_format=ND.")
    open_axes = sum(dims.count(-1) for dims in options.input_shape.values())
    if not open_axes:
        yield diagnostic("E10040", solution="Set the axes that vary to -1 in --input_shape.")
        return
    counts = sorted({len(gear) for gear in gears})
    if len(counts) > 1:
        yield diagnostic("E10037", counts[0], counts[-1], solution="Give every gear one value per -1.")
    elif counts != [open_axes]:
        text = ";".join(",".join(map(str, gear)) for gear in gears)
        solution = f"Give {open_axes} values per gear, one for each -1."
        yield diagnostic("E10001", text, "--dynamic_dims", _ONE_GEAR, solution=solution)
