"""Sizes for inputs that leave some open: stated, else forced by the graph, else a batch of 1 and conventional ones.

What the graph forces is found by trying: for each size that is common, shapes are inferred on a copy without weights,
and a product, a reshape or a sum that does not fit rules the size out. Here belongs that search, bounded in tries. Not
here: whether anybody should take the result (a person sees which inputs were assumed).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.fitting import excess, widths
from resources.onnx_files.limits import ShapeError
from resources.onnx_files.shapes import declared, inputs, with_shapes, without_weights

if TYPE_CHECKING:
    from onnx import ModelProto

IMAGE = (224, 640, 256, 512, 320, 416, 384, 299, 300, 128, 64, 32, 28, 112, 96, 160, 192, 448, 480, 608, 768, 800, 1024)
"""Heights and widths of images, the most usual first."""
SEQUENCE = (128, 512, 256, 384, 64, 77, 197, 32, 16, 50, 100, 196, 1024, 8, 10, 20, 12, 24, 48, 96)
"""Lengths of sequences, and other axes, the most usual first."""
CHANNELS = (3, 1, 4, 16, 32, 64)
_TRIES = 60
_SMALL, _LARGE = 500, 3000
"""Nodes up to which a graph is tried `_TRIES` times, and from which only a tenth as often."""
_IMAGE_RANK = 4
_LARGEST = 4096

Dims = tuple[int, ...]


@dataclass(frozen=True)
class Sizes:
    """A shape for each input that can have one.

    `assumed`: inputs with a size that neither a person nor the graph states, a batch of 1 left aside.
    """

    shapes: dict[str, Dims]
    assumed: tuple[str, ...]
    tried: int


def settle(model: "ModelProto", given: Mapping[str, Sequence[int]]) -> Sizes:
    """Sizes for every open axis of a model's inputs. `given`: what a person stated, which is never changed.

    An input of unknown rank gets a shape only where a convolution reads it. Never raises.
    """
    bare = without_weights(model)
    wanted = {value.name: _stated(value.name, declared(value), given, bare) for value in inputs(bare)}
    shapes = {name: dims for name, dims in wanted.items() if dims is not None}
    open_ = _Open.of(bare, shapes)
    if not open_.symbols:
        return Sizes(shapes, (), 0)
    found, tried, forced = _search(bare, shapes, open_)
    assumed = tuple(name for name, symbols in open_.by_input.items() if not symbols <= forced)
    return Sizes(found, assumed, tried)


def _stated(
    name: str, stated: Sequence[int | None] | None, given: Mapping[str, Sequence[int]], model: "ModelProto"
) -> Dims | None:
    """The dimensions of an input, -1 for an open one; None where even their number is unknown."""
    asked = given.get(name)
    fits = asked is not None and (stated is None or len(asked) == len(stated))
    if asked is not None and fits:
        held = stated or asked
        return tuple(want if dim is None or want == dim else dim for want, dim in zip(asked, held, strict=True))
    if stated is not None:
        return tuple(-1 if dim is None else dim for dim in stated)
    convolved = any(node.op_type == "Conv" and node.input[:1] == [name] for node in model.graph.node)
    return (-1,) * _IMAGE_RANK if convolved else None


@dataclass(frozen=True)
class _Open:
    """What is open: symbol -> the sizes to try in order, and input -> its symbols. Equal names are one symbol."""

    symbols: dict[str, tuple[int, ...]]
    places: dict[tuple[str, int], str]
    by_input: dict[str, frozenset[str]]

    @classmethod
    def of(cls, model: "ModelProto", shapes: Mapping[str, Dims]) -> "_Open":
        written = {
            (value.name, axis): dim.dim_param
            for value in inputs(model)
            for axis, dim in enumerate(value.type.tensor_type.shape.dim)
        }
        known = widths(model)
        places: dict[tuple[str, int], str] = {}
        symbols: dict[str, tuple[int, ...]] = {}
        for name, dims in shapes.items():
            for axis in (axis for axis, dim in enumerate(dims) if dim < 0):
                symbol = written.get((name, axis)) or f"{name}:{axis}"
                places[name, axis] = symbol
                tries = _tries(axis, dims, known.get((name, axis)) or known.get((name, axis - len(dims))))
                symbols[symbol] = tries if len(tries) == 1 else symbols.get(symbol, tries)
        by_input = {name: frozenset(s for (of, _), s in places.items() if of == name) for name, _ in places}
        return cls(symbols, places, by_input)

    def filled(self, shapes: Mapping[str, Dims], sizes: Mapping[str, int]) -> dict[str, Dims]:
        """The shapes with a size for every symbol."""
        return {
            name: tuple(
                sizes[self.places[name, axis]] if (name, axis) in self.places else dim for axis, dim in enumerate(dims)
            )
            for name, dims in shapes.items()
        }


def _tries(axis: int, dims: Dims, width: int | None) -> tuple[int, ...]:
    if width is not None:
        return (width,)
    if axis == 0:
        return (1,)
    if len(dims) < _IMAGE_RANK:
        return SEQUENCE
    return CHANNELS if axis == 1 else IMAGE


def _search(
    model: "ModelProto", shapes: Mapping[str, Dims], open_: _Open
) -> "tuple[dict[str, Dims], int, frozenset[str]]":
    """(shapes, tries, symbols that the graph forces): the first sizes that fit, or the most usual ones if none do.

    A symbol is forced where a weight states its size, where it is a batch, or where no other size that was tried fits.
    """
    usual = {symbol: sizes[0] for symbol, sizes in open_.symbols.items()}
    certain = frozenset(symbol for symbol, sizes in open_.symbols.items() if len(sizes) == 1)
    everything, most = frozenset(open_.symbols), _budget(model)
    for tried, sizes in enumerate(islice(_combinations(open_.symbols), most), 1):
        if not _excess(model, open_.filled(shapes, sizes)):
            alone = not _another(model, shapes, open_, sizes)
            return open_.filled(shapes, sizes), tried, everything if alone else certain
    exact = _halved(model, shapes, open_)
    if exact is not None:
        return open_.filled(shapes, exact), most, everything
    return open_.filled(shapes, usual), most, certain


def _another(model: "ModelProto", shapes: Mapping[str, Dims], open_: _Open, chosen: Mapping[str, int]) -> bool:
    """Whether other sizes than the chosen ones fit as well, so that the graph forces nothing."""
    others = (sizes for sizes in _combinations(open_.symbols) if sizes != chosen)
    return any(not _excess(model, open_.filled(shapes, sizes)) for sizes in islice(others, _budget(model)))


def _combinations(symbols: Mapping[str, tuple[int, ...]]) -> Iterator[dict[str, int]]:
    """Sizes for all symbols: the same place in each list at first (square images), then one symbol at a time."""
    for at in range(max(len(sizes) for sizes in symbols.values())):
        yield {symbol: sizes[min(at, len(sizes) - 1)] for symbol, sizes in symbols.items()}
    usual = {symbol: sizes[0] for symbol, sizes in symbols.items()}
    several = {symbol: sizes for symbol, sizes in symbols.items() if len(sizes) > 1}
    if len(several) > 1:
        yield from ({**usual, symbol: size} for symbol, sizes in several.items() for size in sizes[1:])


def _halved(model: "ModelProto", shapes: Mapping[str, Dims], open_: _Open) -> dict[str, int] | None:
    """One size for everything that is free, found by halving: what a product or a reshape gets grows with it."""
    low, high = 1, _LARGEST
    while low <= high:
        middle = (low + high) // 2
        sizes = {symbol: tries[0] if len(tries) == 1 else middle for symbol, tries in open_.symbols.items()}
        too_much = _excess(model, open_.filled(shapes, sizes))
        if not too_much:
            return sizes
        low, high = (low, middle - 1) if too_much > 0 else (middle + 1, high)
    return None


def _budget(model: "ModelProto") -> int:
    nodes = len(model.graph.node)
    return _TRIES if nodes <= _SMALL else _TRIES // 3 if nodes <= _LARGE else _TRIES // 10


def _excess(model: "ModelProto", shapes: Mapping[str, Dims]) -> int:
    """0 where nothing inside a model without weights contradicts these input shapes; below where they are too small."""
    from onnx import ModelProto as Proto

    copy = Proto()
    copy.CopyFrom(model)
    try:
        known = with_shapes(copy, shapes, None, in_place=True)
    except ShapeError:
        return -1
    return excess(known)
