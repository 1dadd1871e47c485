"""The layers that a device dumped, each with its figures and its own error.

Here belongs the edge between msaccucmp's files and the decisions about layers: the `.om`'s JSON, the table, the
converted dumps. What cannot be had is said: a node that the device does not compute as such is listed in
`not_compared` with the reason, and so is a layer whose dump could not be read, so that its overflow and underflow are
unknown. Not here: which layer is bad (`figures.py`).
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.ascend.cann.errors import ToolFailed
from resources.ascend.cann.precision import device_tensors, dump, msaccucmp, own_error
from resources.ascend.cann.precision.device_tensors import DeviceTensors
from resources.ascend.cann.precision.figures import dtype_of, figures, first_bad, not_compared, with_own
from resources.ascend.cann.precision.layers import Layer, Matched, match
from resources.ascend.cann.precision.own_error import Own
from resources.ascend.cann.text import clean
from resources.ascend.metrics import Gatherer
from resources.ascend.toolchain import BadLayer, LayerComparison, NotCompared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from resources.ascend.cann.om.om_file import OmFile
    from resources.ascend.cann.precision.golden import Reference
    from resources.ascend.cann.precision.result_table import Row
    from resources.ascend.cann.site import Site
    from resources.onnx_files.graph import Node

MOST_FOLDERS = 8
"""Models of one run that are compared: a dynamic model has one for each part of fixed shape."""
_SHOWN_FUSED = 4
_SAID = 2000
"""Characters of what a tool said that a message ends with."""


@dataclass(frozen=True)
class Found:
    """What was found out about the layers."""

    layers: tuple[LayerComparison, ...]
    bad: BadLayer | None
    not_compared: tuple[NotCompared, ...]


@dataclass(frozen=True)
class Dumped:
    """What a device dumped of one run: the folders with its files, and the tensors in them."""

    tool: msaccucmp.Tool
    folders: tuple[Path, ...]
    tensors: DeviceTensors


def read_dump(site: "Site", dumped: Path, work: Path) -> Dumped:
    """Convert what a device dumped. What cannot be converted is said, and missing in the tensors.

    Raises `ToolFailed` where there is no msaccucmp, and `BadOutput` for no dump.
    """
    tool = msaccucmp.of(site)
    folders = dump.folders(dumped)[:MOST_FOLDERS]
    tensors = DeviceTensors({})
    for number, folder in enumerate(folders):
        converted = _made(work / f"tensors{number}")
        problem = msaccucmp.convert(site, tool, folder, converted)
        if problem:
            site.say(problem)
        tensors = tensors.joined(device_tensors.index(converted, folder))
    return Dumped(tool, folders, tensors)


def find_layers(site: "Site", om: "OmFile", reference: "Reference", dumped: Dumped, work: Path) -> Found:
    """Compare every dumped operator with the reference. Raises `ToolFailed` and `BadOutput`."""
    om_json = _om_json(site, om.path, work)
    site.say(f"comparing with {Path(dumped.tool.command[-1]).name}")
    rows: list[Row] = []
    for number, folder in enumerate(dumped.folders):
        table = _made(work / f"table{number}")
        rows += msaccucmp.compare(site, dumped.tool, folder, reference.folder, om_json, table)
    matched = match(reference.graph, reference.ge_names, rows, reference.unnamed)
    return judged(reference, matched, dumped.tensors)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _om_json(site: "Site", om: Path, work: Path) -> Path:
    """What the `.om` holds, as `atc --mode=1` writes it: msaccucmp reads there what was fused into what."""
    program = site.installation.program("atc")
    if program is None:
        raise ToolFailed(
            f"{site.installation.home} has no atc, and only atc tells msaccucmp what was fused: install the toolkit"
        )
    folder = _made(work / "om")
    # A name that atc takes, whatever the file is called where it lies.
    given, written = folder / "model.om", folder / "model.json"
    try:
        os.link(om, given)
    except OSError:
        shutil.copyfile(om, given)
    argv = (program, "--mode=1", f"--om={given}", f"--json={written}")
    ended = msaccucmp.ran(site, argv, folder, for_atc=True)
    if ended.returncode or not written.is_file():
        log = f"{ended.stdout}\n{ended.stderr}"
        raise ToolFailed(
            f"atc --mode=1 wrote nothing of what {om} holds (exit code {ended.returncode}); it said:\n"
            + "\n".join(line for line in clean(log) if line.strip())[-_SAID:],
            log,
        )
    return written


@dataclass
class _Device:
    """The device's tensors by the names that the graph gives them."""

    reference: "Reference"
    tensors: DeviceTensors
    rows: Mapping[str, "Row"]
    known: set[str] = field(default_factory=set)

    def look(self, name: str) -> "NDArray[Any] | str":
        """A tensor, or why there is none, in words."""
        row, path = self.rows[name], self.reference.files.get(name)
        if path is None:
            return "the reference has no such tensor"
        truth = self.reference.tensor(name)
        shape = () if truth is None else truth.shape
        found = self.tensors.load(row.op, "output", row.number, shape)
        if not isinstance(found, str):
            self.known.add(name)
        return found

    def load(self, name: str) -> "NDArray[Any] | None":
        """A tensor that is known to be there."""
        found = self.look(name) if name in self.rows else ""
        return None if isinstance(found, str) else found


def judged(reference: "Reference", matched: Matched, tensors: DeviceTensors) -> Found:
    """Every layer's figures and own error, the first bad layer, and what was not compared."""
    nodes = reference.graph.nodes
    outputs = {
        nodes[x.index].outputs[n]: row
        for x in matched.layers
        for n, row in x.rows.items()
        if _has(nodes[x.index].outputs, n)
    }
    device = _Device(reference, tensors, outputs)
    gatherer, layers = Gatherer(), list[LayerComparison]()
    notes: dict[int, str] = dict(matched.missing)
    for layer in matched.layers:
        node = nodes[layer.index]
        found = figures(gatherer, layer, node, device.look(node.outputs[0]), reference.tensor(node.outputs[0]))
        if found.layer:
            layers.append(found.layer)
        if found.note:
            notes[layer.index] = found.note
    for name in outputs.keys() - device.known:
        device.look(name)
    own = _own(reference, matched, layers, device)
    layers = [with_own(layer, own[layer.index]) for layer in layers]
    fused = {x.index: _fused(nodes, x) for x in matched.layers if x.together}
    return Found(
        layers=tuple(layers),
        bad=first_bad(layers, own, fused),
        not_compared=tuple(not_compared(nodes[index], notes[index]) for index in sorted(notes)),
    )


def _own(
    reference: "Reference", matched: Matched, layers: Sequence[LayerComparison], device: _Device
) -> dict[int, Own]:
    """Each layer's own error: computed again where the device's inputs are at hand, else the increase."""
    types = {layer.index: dtype_of(layer.row) for layer in matched.layers}
    targets = {x.index: types[x.index] for x in layers if reference.graph.nodes[x.index].outputs[0] in device.known}
    own = dict(own_error.recomputed(reference, targets, frozenset(device.known), device.load))
    distances = {layer.index: layer.relative_euclidean_distance for layer in layers}
    made_by = own_error.makers(reference.graph)
    for layer in layers:
        if layer.index not in own:
            before = own_error.before(reference.graph, made_by, layer.index, frozenset(distances))
            own[layer.index] = own_error.increase(layer.relative_euclidean_distance, (distances[i] for i in before))
    return own


def _has(outputs: Sequence[str], number: int) -> bool:
    return number < len(outputs) and bool(outputs[number])


def _fused(nodes: "Sequence[Node]", layer: Layer) -> str:
    """What else the device computes in the layer's operator, in words."""
    names = [nodes[i].name for i in layer.together]
    more = f" and {len(names) - _SHOWN_FUSED} more" if len(names) > _SHOWN_FUSED else ""
    return f"; the device computes it in one operator with {', '.join(names[:_SHOWN_FUSED])}{more}"
