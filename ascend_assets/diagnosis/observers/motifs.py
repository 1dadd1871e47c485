"""Formulas that are written out in several nodes: normalisations, norms, variances, softmax, powers, scalings.

Here belongs recognising them in a graph, by what nodes compute and never by what they are called. Not here: whether one
of them does harm (`patterns.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ascend_assets.diagnosis.observers.reading import Reading
from resources.onnx_files.graph import Node


@dataclass(frozen=True)
class Motif:
    """One formula. `nodes` in the graph's order; `begin` is where it begins, as edits want it named.

    `name`: `layer_norm`, `rms_norm`, `l2_norm`, `square_sum`, `variance`, `variance_difference`, `softmax`,
    `log_sum_exp`, `logistic`, `power`, `scaled_after` or `scaled_around`. `detail`: what distinguishes it, in one
    word or figure.
    """

    name: str
    begin: Node
    nodes: tuple[Node, ...]
    detail: str = ""


_GUARDS = frozenset({"Add", "Clip", "Max", "Sum", "Where"})
_ROOTS = frozenset({"Rsqrt", "Sqrt"})
PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "ReduceSum", "Sum"})
"""Operators whose result a factor may be taken before."""
_HALF = 0.5
_LEAST_SCALE = 2.0
"""Scaling by less moves no exponent of a binary number."""
_LARGE_SCALE = 16.0
_ALONG = 6
"""Nodes between the two factors of a scaling that is undone."""
_UNDONE = 1e-3


def motifs(reading: Reading) -> Iterator[Motif]:
    """Every formula of the graph, in the order of its nodes; one node may stand in several."""
    for node in reading.nodes:
        yield from _sums_of_squares(reading, node)
        yield from _exponentials(reading, node)
        yield from _powers(reading, node)
        yield from _scalings(reading, node)


def _ordered(*nodes: Node | None) -> tuple[Node, ...]:
    found = {node.index: node for node in nodes if node is not None}
    return tuple(found[index] for index in sorted(found))


def _next(reading: Reading, node: Node, ops: frozenset[str] | set[str]) -> tuple[str, Node] | None:
    """The first reader of a node that is one of `ops`, with the tensor that it reads."""
    return next(((tensor, reader) for tensor, reader in reading.after(node) if reader.op in ops), None)


def squared(reading: Reading, node: Node) -> str | None:
    """The tensor that a node squares: `Mul(x, x)` or `Pow(x, 2)`; None for another node."""
    if node.op == "Mul" and len(node.inputs) > 1 and node.inputs[0] == node.inputs[1]:
        return node.inputs[0]
    if node.op == "Pow" and len(node.inputs) > 1 and reading.scalar(node.inputs[1]) == 2.0:  # noqa: PLR2004 - a square
        return node.inputs[0]
    return None


def _sums_of_squares(reading: Reading, node: Node) -> Iterator[Motif]:
    if node.op in {"ReduceL2", "ReduceSumSquare"}:
        tail = _tail(reading, node)
        name = "l2_norm" if node.op == "ReduceL2" or any(_is_root(reading, n) for n in tail) else "square_sum"
        yield Motif(name, node, _ordered(node, *tail), node.op)
        return
    base = squared(reading, node)
    if base is None:
        return
    for _, reduced in reading.after(node):
        if reduced.op not in {"ReduceMean", "ReduceSum"}:
            continue
        tail = _tail(reading, reduced)
        mean = _mean_taken_off(reading, base)
        if mean is None and reduced.op == "ReduceMean":
            difference = _difference(reading, reduced, base)
            if difference is not None:
                yield Motif("variance_difference", node, _ordered(node, reduced, *difference), "E[x^2]-E[x]^2")
                continue
        yield _square_motif(reading, node, reduced, tail, mean)


def _square_motif(
    reading: Reading, square: Node, reduced: Node, tail: tuple[Node, ...], mean: tuple[Node, Node] | None
) -> Motif:
    rooted = any(_is_root(reading, node) for node in tail)
    divides = bool(tail) and tail[-1].op in {"Div", "Mul"} and rooted
    if mean is not None:
        name = "layer_norm" if rooted and divides else "variance"
        return Motif(name, mean[0], _ordered(*mean, square, reduced, *tail), square.op)
    if reduced.op == "ReduceMean" and rooted:
        return Motif("rms_norm", square, _ordered(square, reduced, *tail), square.op)
    return Motif("l2_norm" if rooted else "square_sum", square, _ordered(square, reduced, *tail), square.op)


def _tail(reading: Reading, reduced: Node) -> tuple[Node, ...]:
    """What follows a sum of squares: scaling, guard, root, division, as far as they are there, in this order."""
    tail: list[Node] = []
    current = reduced
    if (scaled := _scaled_by(reading, current)) is not None:
        tail.append(current := scaled[1])
    if (guard := _next(reading, current, _GUARDS)) is not None:
        tail.append(current := guard[1])
    root = next((reader for _, reader in reading.after(current) if _is_root(reading, reader)), None)
    if root is None:
        return tuple(tail)
    tail.append(current := root)
    # A guard may stand behind the root as well: x / (sqrt(sum) + eps), x / max(norm, eps).
    if (guard := _next(reading, current, _GUARDS)) is not None:
        tail.append(current := guard[1])
    if (inverse := _next(reading, current, {"Reciprocal"})) is not None:
        tail.append(current := inverse[1])
    for tensor, reader in reading.after(current):
        if reader.op == "Mul" or (reader.op == "Div" and tensor in reader.inputs[1:]):
            return (*tail, reader)
    return tuple(tail)


def _is_root(reading: Reading, node: Node) -> bool:
    if node.op in _ROOTS:
        return True
    return node.op == "Pow" and len(node.inputs) > 1 and abs(reading.scalar(node.inputs[1]) or 0.0) == _HALF


def _mean_taken_off(reading: Reading, tensor: str) -> tuple[Node, Node] | None:
    """(mean, subtraction) where a tensor is `x - mean(x)`."""
    minus = reading.before(tensor)
    if minus is None or minus.op != "Sub" or len(minus.inputs) != 2:  # noqa: PLR2004 - Sub's two operands
        return None
    mean = reading.before(minus.inputs[1])
    if mean is None or mean.op != "ReduceMean" or reading.root(mean.inputs[0]) != reading.root(minus.inputs[0]):
        return None
    return mean, minus


def _difference(reading: Reading, mean_of_squares: Node, base: str) -> tuple[Node, ...] | None:
    """The rest of E[x^2] - E[x]^2, where that is what becomes of a mean of squares."""
    for tensor, minus in reading.after(mean_of_squares):
        if minus.op != "Sub" or minus.inputs[0] != tensor:
            continue
        square = reading.before(minus.inputs[1])
        mean = reading.before(squared(reading, square) or "") if square else None
        if square is None or mean is None or mean.op != "ReduceMean":
            continue
        if reading.root(mean.inputs[0]) == reading.root(base):
            return mean, square, minus, *_tail(reading, minus)
    return None


def _exponentials(reading: Reading, node: Node) -> Iterator[Motif]:
    """Softmax and log-sum-exp that begin with this exponential; `detail` says whether the maximum is taken off.

    So do softplus and the logistic function, log(1 + exp(x)) and 1 / (1 + exp(-x)).
    """
    if node.op != "Exp" or not node.inputs:
        return
    yield from _logistic(reading, node)
    minus = reading.before(node.inputs[0])
    peak = reading.before(minus.inputs[1]) if minus is not None and minus.op == "Sub" else None
    shifted = peak is not None and peak.op == "ReduceMax"
    detail = "shifted" if shifted else "unshifted"
    ahead = (peak, minus) if shifted else ()
    made = reading.root(node.outputs[0])
    for _, total in reading.after(node):
        if total.op != "ReduceSum":
            continue
        for tensor, reader in reading.after(total):
            if reader.op == "Log":
                yield Motif("log_sum_exp", node, _ordered(*ahead, node, total, reader), detail)
            elif reader.op == "Div" and tensor in reader.inputs[1:] and reading.root(reader.inputs[0]) == made:
                yield Motif("softmax", node, _ordered(*ahead, node, total, reader), detail)


def _logistic(reading: Reading, exponential: Node) -> Iterator[Motif]:
    for tensor, plus in reading.after(exponential):
        if plus.op != "Add" or not any(reading.scalar(name) == 1 for name in plus.inputs if name != tensor):
            continue
        for total, reader in reading.after(plus):
            if reader.op in {"Log", "Reciprocal"} or (reader.op == "Div" and total in reader.inputs[1:]):
                yield Motif("logistic", exponential, _ordered(exponential, plus, reader), reader.op)


def _powers(reading: Reading, node: Node) -> Iterator[Motif]:
    """A third power or more: `Pow`, or products of a tensor with its own square."""
    if node.op == "Pow" and len(node.inputs) > 1:
        power = reading.scalar(node.inputs[1])
        if power is not None and power > 2:  # noqa: PLR2004 - a square is another formula
            yield Motif("power", node, (node,), f"{power:g}")
        return
    if node.op != "Mul" or len(node.inputs) != 2:  # noqa: PLR2004 - Mul's two operands
        return
    makers = [reading.before(name) for name in node.inputs]
    bases = [squared(reading, made) if made is not None else None for made in makers]
    for at, (made, base) in enumerate(zip(makers, bases, strict=True)):
        other = node.inputs[1 - at]
        if made is not None and base is not None and (other == base or bases[1 - at] == base):
            power = 4 if bases[1 - at] == base else 3
            yield Motif("power", made, _ordered(made, node), str(power))
            return


def _scaled_by(reading: Reading, node: Node) -> tuple[float, Node] | None:
    """(factor, node) where a constant scales a node's result right behind it."""
    for tensor, reader in reading.after(node):
        factor = factor_of(reading, reader, tensor)
        if factor is not None:
            return factor, reader
    return None


def factor_of(reading: Reading, node: Node, tensor: str) -> float | None:
    """The constant that a node multiplies `tensor` with; None for another node, and for a factor of 0."""
    if node.op not in {"Mul", "Div"} or len(node.inputs) != 2:  # noqa: PLR2004 - two operands
        return None
    other = node.inputs[1] if node.inputs[0] == tensor else node.inputs[0]
    value = reading.scalar(other)
    if not value or (node.op == "Div" and node.inputs[1] == tensor):
        return None
    return 1 / value if node.op == "Div" else value


def _scalings(reading: Reading, node: Node) -> Iterator[Motif]:
    if node.op in PRODUCTS:
        scaled = _scaled_by(reading, node)
        if scaled is not None and abs(scaled[0]) * _LEAST_SCALE <= 1:
            yield Motif("scaled_after", node, _ordered(node, scaled[1]), f"{scaled[0]:.4g}")
        return
    factors = [factor for name in node.inputs if (factor := factor_of(reading, node, name)) is not None]
    if not factors or 1 / _LARGE_SCALE < abs(factors[0]) < _LARGE_SCALE:
        return
    way: list[Node] = []
    current = node
    for _ in range(_ALONG):
        readers = list(reading.after(current))
        if len(readers) != 1:
            return
        tensor, current = readers[0]
        way.append(current)
        back = factor_of(reading, current, tensor)
        if back is not None and abs(back * factors[0] - 1) < _UNDONE:
            yield Motif("scaled_around", node, _ordered(node, *way), f"{factors[0]:.4g}")
            return
