"""The FP32 reference of every node, as files that msaccucmp reads.

Here belongs ONNX Runtime on the CPU, part by part within a memory budget, every node's outputs written to disk as they
come, and the naming of the files: `<node>.<output>.<timestamp>.npy`, with `_` for `/` and `.` (msaccucmp's rules for
NumPy data). Not here: what a tensor is compared with (`layers.py`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.ascend.cann.compiling.node_names import named
from resources.onnx_files.graph import Graph, view
from resources.onnx_files.sessions import check_inputs, open_session, run_session, serialized, session_options
from resources.onnx_files.walk import reads
from resources.onnx_files.widen import widened

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

BUDGET = 1 << 30
"""Bytes of tensors that one part may make and read."""

UNKNOWN_BYTES = 16 << 20
"""What a tensor counts whose shape nobody knows before it is there."""

_STAMP = "1" + "0" * 15
"""msaccucmp wants sixteen digits; which ones does not matter, for there is one file of each tensor."""

_READABLE = re.compile(r"[A-Za-z0-9_\-]+")
_LONGEST_NAME = 255
_MAPPING = "mapping.csv"
_IR_VERSION = 8


@dataclass(frozen=True)
class Reference:
    """One model on one set of inputs in FP32. `ge_names`: what the graph engine calls each node, in order.

    `files`: the file, in `folder`, of every tensor that a node made. `unnamed`: why msaccucmp cannot find a node's
    file, by the node's index.
    """

    model: "onnx.ModelProto"
    graph: Graph
    ge_names: tuple[str, ...]
    inputs: "Tensors"
    folder: Path
    files: Mapping[str, Path]
    unnamed: Mapping[int, str] = field(default_factory=dict)

    def tensor(self, name: str) -> "NDArray[Any] | None":
        """A tensor of the graph: an input, a node's output or a weight; None for what is none of them."""
        import numpy as np
        from onnx import numpy_helper

        if name in self.files:
            return np.load(self.files[name], mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
        if name in self.inputs:
            return self.inputs[name]
        weight = next((w for w in self.model.graph.initializer if w.name == name), None)
        return None if weight is None else numpy_helper.to_array(weight)


def write(model: "onnx.ModelProto", inputs: "Tensors", folder: Path, *, budget: int = BUDGET) -> Reference:
    """Run `model` in FP32 and write every node's outputs to `folder`.

    `model` is checked, with inferred types and static shapes; `inputs` are in its own names, types and shapes, 16-bit
    floats also wider. Nothing of a part stays in memory once it is written. Raises `ValueError` that names a wrong
    input or what ONNX Runtime refuses.
    """
    wide = widened(model)
    graph = view(wide)
    given = _given(graph, view(model), inputs)
    ge_names = tuple(name for name, _ in named([(node.name, node.op_type) for node in model.graph.node]))
    names, unnamed = file_names(ge_names)
    files: dict[str, Path] = {}
    reference = Reference(wide, graph, ge_names, given, folder, files, unnamed)
    for part in parts(graph, budget):
        made = run_part(wide, wide.graph.node[part.start : part.stop], reference)
        _spill(made, graph, part, names, folder, files)
    return reference


def _given(graph: Graph, stated: Graph, inputs: "Tensors") -> "dict[str, NDArray[Any]]":
    """The inputs as the wide graph takes them; what is right for the model as stated is right, and so is FP32."""
    from onnx import helper

    wanted = {name: (_numpy(helper, graph, name), graph.tensors[name].shape or ()) for name in graph.inputs}
    held = {name: _numpy(helper, stated, name) for name in stated.inputs}
    given = {
        name: array.astype(wanted[name][0], copy=False) if name in wanted and array.dtype.name == held[name] else array
        for name, array in inputs.items()
    }
    check_inputs(wanted, given)
    return given


def _numpy(helper: Any, graph: Graph, name: str) -> str:  # noqa: ANN401 - onnx.helper
    number = graph.tensors[name].dtype
    if not number:
        raise ValueError(f"input {name!r} is a sequence, an optional or a map: only tensors can be compared")
    return str(helper.tensor_dtype_to_np_dtype(number).name)


def parts(graph: Graph, budget: int) -> Iterator[range]:
    """Consecutive nodes, so many that what they make and read stays within `budget` bytes; one node at least."""
    start, size = 0, 0
    for node in graph.nodes:
        cost = sum(_bytes(graph, name) for name in {*node.inputs, *node.outputs} - {""})
        if node.index > start and size + cost > budget:
            yield range(start, node.index)
            start, size = node.index, 0
        size += cost
    if graph.nodes:
        yield range(start, len(graph.nodes))


def _bytes(graph: Graph, name: str) -> int:
    tensor = graph.tensors.get(name)
    elements = None if tensor is None else tensor.elements
    return UNKNOWN_BYTES if elements is None else 8 * elements


def run_part(
    model: "onnx.ModelProto", nodes: "Sequence[onnx.NodeProto]", reference: Reference
) -> "dict[str, NDArray[Any]]":
    """The outputs of consecutive nodes, from tensors that are at hand. Raises `ValueError` with the reason."""
    made = [name for node in nodes for name in node.output if name]
    outside = sorted({name for node in nodes for name in reads(node)} - set(made))
    weights = {weight.name: weight for weight in model.graph.initializer}
    feeds = {name: array for name in outside if name not in weights and (array := reference.tensor(name)) is not None}
    return run_nodes(model, nodes, feeds, [weights[name] for name in outside if name in weights], made)


def run_nodes(
    model: "onnx.ModelProto",
    nodes: "Iterable[onnx.NodeProto]",
    feeds: "Tensors",
    weights: "Iterable[onnx.TensorProto]",
    fetches: Sequence[str],
) -> "dict[str, NDArray[Any]]":
    """The fetched tensors of a graph made of some of a model's nodes. Raises `ValueError` with the reason."""
    import onnx

    if not fetches:
        return {}
    part = onnx.ModelProto(ir_version=_IR_VERSION)
    part.opset_import.extend(model.opset_import)
    part.functions.extend(model.functions)
    part.graph.name = "part"
    part.graph.node.extend(nodes)
    for name, array in feeds.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        part.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, array.shape))
    part.graph.initializer.extend(weights)
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in fetches)
    session = open_session(serialized(part), session_options(arena=False))
    return run_session(session, fetches, feeds)


def _spill(
    made: "Tensors", graph: Graph, part: range, names: Sequence[str], folder: Path, files: dict[str, Path]
) -> None:
    """Write a part's tensors and remember where they are."""
    import numpy as np

    for node in graph.nodes[part.start : part.stop]:
        for number, name in enumerate(node.outputs):
            if not name:
                continue
            array = made[name]
            if not isinstance(array, np.ndarray) or array.dtype.hasobject:
                kind = "strings" if isinstance(array, np.ndarray) else "no tensor"
                raise ValueError(f"node {node.name!r} makes {kind}: only tensors of numbers can be compared")
            file = f"{names[node.index]}.{number}.{_STAMP}.npy"
            if len(file) > _LONGEST_NAME:
                file = _shortened(file, len(files), folder)
            files[name] = folder / file
            np.save(files[name], array)


def _shortened(file: str, number: int, folder: Path) -> str:
    """A number for a name too long for a file, noted in msaccucmp's `mapping.csv`."""
    short = f"{number}.npy"
    with (folder / _MAPPING).open("a") as mapping:
        mapping.write(f"{short},{file}\n")
    return short


def spelled(name: str) -> str:
    """A name as dumps and reference files spell it."""
    return name.replace("/", "_").replace(".", "_")


def file_names(ge_names: Sequence[str]) -> tuple[list[str], dict[int, str]]:
    """What each node's file is called, and why msaccucmp cannot find it where it cannot.

    It reads letters, digits, `_` and `-` only, and cannot tell two names apart that differ in `/`, `.` and `_`: such
    nodes get a name that it does not look for.
    """
    spellings = [spelled(name) for name in ge_names]
    counts = Counter(spellings)
    unnamed: dict[int, str] = {}
    for index, spelling in enumerate(spellings):
        if counts[spelling] > 1:
            unnamed[index] = "another node's name is the same but for '/', '.' and '_', which dumps do not tell apart"
        elif not _READABLE.fullmatch(spelling):
            unnamed[index] = "its name has characters that msaccucmp does not read"
    # No spelling has a point, so that these names are nobody's.
    return [f"{index}.unnamed" if index in unnamed else name for index, name in enumerate(spellings)], unnamed
