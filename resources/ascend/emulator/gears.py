"""What the emulator has against the sizes that it is asked for.

Here belongs what only the emulator cannot do. Not here: what ATC refuses too (`resources/ascend/gear_rules.py`), or
what gears stand for (`resources/ascend/gears.py`).
"""

from collections.abc import Iterator

from resources.ascend import gear_rules
from resources.ascend.emulator.messages import diagnostic
from resources.ascend.gears import values
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Diagnostic


def refusals(options: CompileOptions) -> Iterator[Diagnostic]:
    """What ATC has against the gears, and the emulator against an open axis without any."""
    if values(options):
        yield from gear_rules.refusals(options)
        return
    built = "ATC would build a model of any shape, which the emulator does not run"
    for name, dims in options.input_shape.items():
        if -1 in dims:
            solution = "Give the axis a size, or list its sizes with one of the --dynamic_... options."
            reason = f"-1 stands for gears and no option lists them. {built}"
            yield diagnostic("EX0003", name, reason, nodes=(name,), solution=solution)
    for name in options.input_shape_range:
        solution = "Give the input one size or gears, or run where CANN is installed, with the toolchain cann."
        yield diagnostic("EX0003", name, f"it has a range. {built}", nodes=(name,), solution=solution)
