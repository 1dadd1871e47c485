"""The sizes that a model with gears takes: what the dynamic options of ATC stand for.

A gear is one choice of values for the -1 axes of `input_shape`. Here belongs its expansion into shapes. Not here: when
a toolchain refuses gears.
"""

from collections.abc import Mapping, Sequence

from resources.ascend.options import CompileOptions

Shapes = dict[str, tuple[int, ...]]


def values(options: CompileOptions) -> tuple[tuple[int, ...], ...]:
    """Each gear's values, in the order given; empty without gears."""
    if options.dynamic_batch_size:
        return tuple((size,) for size in options.dynamic_batch_size)
    return tuple(tuple(gear) for gear in options.dynamic_image_size or options.dynamic_dims)


def shapes(options: CompileOptions) -> tuple[Shapes, ...]:
    """Every gear as input -> shape, for the inputs that `input_shape` names; empty without gears.

    A batch size fills each input's -1, an image size the two -1 of each image, dims the -1 of all inputs in their
    order.
    """
    return tuple(_filled(options, gear) for gear in values(options))


def _filled(options: CompileOptions, gear: Sequence[int]) -> Shapes:
    left = iter(gear)
    filled: Shapes = {}
    for name, dims in options.input_shape.items():
        if not options.dynamic_dims:
            left = iter(gear)
        filled[name] = tuple(next(left, dim) if dim == -1 else dim for dim in dims)
    return filled


def largest(options: CompileOptions) -> Shapes | None:
    """The gear with the most input elements, which decides memory and time; None without gears."""
    return max(shapes(options), key=_elements, default=None)


def widest(options: CompileOptions) -> Shapes:
    """Every input at its upper bound, for a model without gears: 1 for an axis that takes any size."""
    bounds: dict[str, Sequence[int | tuple[int, int]]] = {**options.input_shape, **options.input_shape_range}
    return {name: tuple(_upper(dim) for dim in dims) for name, dims in bounds.items()}


def _upper(dim: int | tuple[int, int]) -> int:
    bound = dim if isinstance(dim, int) else dim[1]
    return 1 if bound == -1 else bound


def _elements(filled: Mapping[str, Sequence[int]]) -> int:
    total = 0
    for dims in filled.values():
        count = 1
        for dim in dims:
            count *= max(dim, 1)
        total += count
    return total
