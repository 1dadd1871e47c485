"""When ATC refuses gears: the checks of its `CheckDynamicInputParamValid`, with its codes and CANN 8.1's words.

Here belongs what the options alone decide, for every toolchain. Not here: what gears stand for (`gears.py`).
"""

from collections.abc import Iterator, Sequence

from resources.ascend.families import family
from resources.ascend.gears import values
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Diagnostic

FEWEST, MOST, MOST_950 = 2, 100, 256
"""Gears per option (ATC's documentation)."""

TEMPLATES: dict[str, str] = {
    "E10001": "Value [{}] for parameter [{}] is invalid. Reason: {}",
    "E10018": "Value [{}] for shape [{}] is invalid. When [--dynamic_batch_size] is included, only batch size N can be "
    "-1 in [--input_shape].",
    "E10019": "When [--dynamic_image_size] is included, only the height and width axes can be -1 in [--input_shape].",
    "E10031": "[--dynamic_batch_size] is included, but none of the nodes specified in [--input_shape] have a batch "
    "size equaling -1.",
    "E10035": "[--dynamic_batch_size], [--dynamic_image_size], or [--dynamic_dims] has [{}] profiles, which is less "
    "than the minimum ([{}]).",
    "E10036": "[--dynamic_batch_size], [--dynamic_image_size], or [--dynamic_dims] has [{}] profiles, which is greater "
    "than the maximum ([{}]).",
    "E10037": "The profiles configured in [--dynamic_batch_size], [--dynamic_image_size], or [--dynamic_dims] have "
    "inconsistent dimension counts. A profile has {} dimensions while another has {} dimensions.",
    "E10039": "The [--dynamic_batch_size], [--dynamic_image_size], or [--dynamic_dims] argument have duplicate "
    "profiles.",
    "E10040": "As the [--dynamic_batch_size], [--dynamic_image_size], or [--dynamic_dims] argument is included, the "
    "corresponding nodes specified in [--input_shape] must have -1 axes and can not have '~'.",
}
"""Code -> message, from CANN 8.1's error table."""

_ONE_GEAR = "Each gear setting needs to be consistent with the number of -1 in the inputshape"


def refusals(options: CompileOptions) -> Iterator[Diagnostic]:
    """What ATC has against the gears; nothing where there are none."""
    gears = values(options)
    most = MOST_950 if family(options.soc_version) == "950" else MOST
    if not gears:
        return
    if len(gears) < FEWEST:
        yield _refusal("E10035", len(gears), FEWEST, solution="Give at least two gears, or a fixed --input_shape.")
    if len(gears) > most:
        yield _refusal("E10036", len(gears), most, solution=f"Give at most {most} gears.")
    if len(set(gears)) != len(gears):
        yield _refusal("E10039", solution="Give each gear once.")
    if options.dynamic_batch_size:
        yield from _batch(options)
    elif options.dynamic_image_size:
        yield from _image(options)
    else:
        yield from _dims(options, gears)


def _refusal(code: str, *about: object, solution: str) -> Diagnostic:
    return Diagnostic(code=code, message=TEMPLATES[code].format(*about), solution=solution)


def _batch(options: CompileOptions) -> Iterator[Diagnostic]:
    for dims in options.input_shape.values():
        for axis, dim in enumerate(dims):
            if dim == -1 and axis:
                yield _refusal("E10018", dim, axis, solution="Leave -1 to the first axis, or use --dynamic_dims.")
    if not any(dims[:1] == (-1,) for dims in options.input_shape.values()):
        yield _refusal("E10031", solution='Set the first axis to -1: --input_shape="<input>:-1,...".')


def _image(options: CompileOptions) -> Iterator[Diagnostic]:
    rank = 5 if options.input_format == "NCDHW" else 4
    size = (rank - 2, rank - 1)
    open_axes = [
        tuple(axis for axis, dim in enumerate(dims) if dim == -1) for dims in options.input_shape.values() if -1 in dims
    ]
    if not open_axes:
        yield _refusal("E10040", solution="Set height and width to -1 in --input_shape.")
    elif any(axes != size for axes in open_axes):
        yield _refusal("E10019", solution=f"Leave -1 to the axes {size[0]} and {size[1]}, or use --dynamic_dims.")


def _dims(options: CompileOptions, gears: Sequence[Sequence[int]]) -> Iterator[Diagnostic]:
    if options.input_format != "ND":
        reason = "input_format must be ND when set dynamic_dims"
        yield _refusal("E10001", options.input_format, "--input_format", reason, solution="Give --input_format=ND.")
    open_axes = sum(dims.count(-1) for dims in options.input_shape.values())
    if not open_axes:
        yield _refusal("E10040", solution="Set the axes that vary to -1 in --input_shape.")
        return
    counts = sorted({len(gear) for gear in gears})
    if len(counts) > 1:
        yield _refusal("E10037", counts[0], counts[-1], solution="Give every gear one value per -1.")
    elif counts != [open_axes]:
        text = ";".join(",".join(map(str, gear)) for gear in gears)
        solution = f"Give {open_axes} values per gear, one for each -1."
        yield _refusal("E10001", text, "--dynamic_dims", _ONE_GEAR, solution=solution)
