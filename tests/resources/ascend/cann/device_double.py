"""A device and CANN's tools, played in this process: what they compute, dump and write, by the facts.

The device computes node by node and rounds each result to FP16; a group of nodes is one operator and rounds once. Its
dumps hold NumPy arrays in the device's layouts under a dump's name; `Tools` stands in for `Site`, and does what
msaccucmp and `atc --mode=1` would.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from compare_samples import absent, row, table
from numpy.typing import NDArray

from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.precision.golden import spelled
from resources.ascend.metrics import cosine_similarity, relative_euclidean_distance
from resources.onnx_files.sessions import open_session, run_session, serialized, session_options
from resources.process import Completed

Arrays = dict[str, NDArray[Any]]
Fault = Callable[[NDArray[Any]], NDArray[Any]]

STAMP = 1_682_067_845_380_000


def parse(graph: str, weights: Mapping[str, NDArray[Any]] | None = None) -> onnx.ModelProto:
    """A model from ONNX's text form; nodes are named after their first output."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {graph}')
    for node in model.graph.node:
        node.name = node.output[0]
    model.graph.initializer.extend(onnx.numpy_helper.from_array(a, name) for name, a in (weights or {}).items())
    onnx.checker.check_model(model)
    return onnx.shape_inference.infer_shapes(model)


def floats(shape: tuple[int, ...], *, scale: float = 1.0, seed: int = 3) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def to_nc1hwc0(array: NDArray[Any], c0: int = 16) -> NDArray[Any]:
    n, c, h, w = array.shape
    c1 = -(-c // c0)
    padded = np.zeros((n, c1 * c0, h, w), array.dtype)
    padded[:, :c] = array
    return padded.reshape(n, c1, c0, h, w).transpose(0, 1, 3, 4, 2)


def to_fractal_nz(array: NDArray[Any], block: int = 16) -> NDArray[Any]:
    *outer, m, n = array.shape
    m1, n1 = -(-m // block), -(-n // block)
    padded = np.zeros((*outer, m1 * block, n1 * block), array.dtype)
    padded[..., :m, :n] = array
    places = list(range(len(outer)))
    last = len(places)
    return padded.reshape(*outer, m1, block, n1, block).transpose(*places, last + 2, last, last + 1, last + 3)


@dataclass
class Device:
    """The device's side of a model. `groups`: nodes of one operator, by the last one's name; `faults`: what goes wrong.

    `skipped`: operators that dump nothing. `layout`: how the device holds a result. `aipp`: what prepares an input;
    `keeps_aipp`: whether that leaves something, `aipp_names`: what its operators are called, in order.
    """

    model: onnx.ModelProto
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    layout: Callable[[NDArray[Any]], NDArray[Any]] = lambda array: array
    aipp: Mapping[str, Fault] = field(default_factory=dict)
    keeps_aipp: bool = True
    aipp_names: Sequence[str] = ("aipp0", "aipp1")

    def run(self, inputs: Mapping[str, NDArray[Any]], dump: Path | None = None) -> Arrays:
        known: Arrays = dict(inputs)
        for index, (name, prepare) in enumerate(self.aipp.items()):
            prepared = prepare(inputs[name]).astype(np.float16)
            known[name] = prepared.astype(np.float32)
            if dump is not None and self.keeps_aipp:
                self._write(dump, f"Aipp.{self.aipp_names[index]}.0.5.{STAMP - 9 + index}", [prepared])
        inside = {name: last for last, names in self.groups.items() for name in names}
        for index, node in enumerate(self.model.graph.node):
            made = self._computed(node, known)
            known.update(made)
            if node.name in inside and inside[node.name] != node.name:
                continue
            for name in node.output:
                if made[name].dtype == np.float32:
                    with np.errstate(over="ignore"):
                        made[name] = made[name].astype(np.float16)
                    if node.name in self.faults:
                        made[name] = self.faults[node.name](made[name])
            known.update({name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in made.items()})
            if dump is not None and node.name not in self.skipped:
                self._dump(dump, index, node, list(made.values()))
        return {o.name: known[o.name] for o in self.model.graph.output}

    def _computed(self, node: onnx.NodeProto, known: Arrays) -> Arrays:
        part = onnx.ModelProto(ir_version=8)
        part.opset_import.extend(self.model.opset_import)
        part.graph.name = "node"
        part.graph.node.append(node)
        for name in dict.fromkeys(node.input):
            weight = next((w for w in self.model.graph.initializer if w.name == name), None)
            if weight is not None:
                part.graph.initializer.append(weight)
            elif name:
                kind = onnx.helper.np_dtype_to_tensor_dtype(known[name].dtype)
                part.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, known[name].shape))
        part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output)
        session = open_session(serialized(part), session_options())
        return run_session(session, list(node.output), {i.name: known[i.name] for i in part.graph.input})

    def _dump(self, folder: Path, index: int, node: onnx.NodeProto, made: list[NDArray[Any]]) -> None:
        self._write(folder, f"{node.op_type}.{spelled(node.name)}.{index}.5.{STAMP + index}", made)

    def _write(self, folder: Path, name: str, made: list[NDArray[Any]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("wb") as stream:
            np.savez(stream, *[self.layout(array) for array in made])


class Tools:
    """What a `Site` runs. `broken`: a tool's verb -> how it ends instead. `said`: what was told of progress."""

    def __init__(self, home: Path, device: Device, broken: Mapping[str, Completed] | None = None) -> None:
        self.device = device
        self.broken = dict(broken or {})
        self.said: list[str] = []
        self.ran: list[list[str]] = []
        script = home / "tools" / "operator_cmp" / "compare" / "msaccucmp.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.touch()
        (home / "bin").mkdir(exist_ok=True)
        (home / "bin" / "atc").touch()
        self.installation = Installation(home=home, arch="x86_64", kind="toolkit", version="8.1.RC1")

    def say(self, words: str) -> None:
        self.said.append(words)

    def run(self, argv: Sequence[str | Path], *, cwd: Path, **_: Any) -> Completed:
        words = [str(word) for word in argv]
        self.ran.append(words)
        assert cwd.is_dir()
        verb = "atc" if words[1] == "--mode=1" else words[2]
        code = 0
        if verb in self.broken:
            return self.broken[verb]
        if verb == "atc":
            Path(words[3].partition("=")[2]).write_text("{}")
        else:
            flags = dict(zip(words[3::2], words[4::2], strict=True))
            code = self._compare(flags) if verb == "compare" else self._convert(flags)
        return Completed(tuple(words), code, "[INFO] done", "", 0.1)

    def _operators(self) -> dict[str, Sequence[str]]:
        """Each of the device's operators and the nodes that it stands for."""
        inside = {name for last, names in self.device.groups.items() for name in names if name != last}
        return {
            n.name: self.device.groups.get(n.name, (n.name,))
            for n in self.device.model.graph.node
            if n.name not in inside and n.op_type != "Constant"
        }

    def _compare(self, flags: Mapping[str, str]) -> int:
        dumps = {path.name.split(".")[1]: path for path in Path(flags["-m"]).iterdir()}
        rows = []
        for last, names in self._operators().items():
            truth = ",".join(names)
            if spelled(last) not in dumps:
                rows.append(absent(last, truth, f"[{last}] There is no left dump file for the op, Conv2D."))
                continue
            with np.load(dumps[spelled(last)]) as held:
                for number, array in enumerate(held.values()):
                    rows.append(self._row(last, truth, number, array, Path(flags["-g"])))
        (Path(flags["-out"]) / "result_20260101000000.csv").write_bytes(table(rows))
        return 2 if self.device.skipped else 0

    def _row(self, op: str, truth: str, number: int, array: NDArray[Any], golden: Path) -> list[str]:
        found = next(golden.glob(f"{spelled(op)}.{number}.*.npy"), None)
        if found is None:
            reason = f"[{op}] There is no right dump file."
            return row(
                op, truth, tensor=f":output:{number}", cosine="NaN", distance="NaN", largest="NaN", reason=reason
            )
        y = np.load(found).astype(np.float64)
        x = unlaid(array, y.shape).astype(np.float64)
        with np.errstate(all="ignore"):
            return row(
                op,
                truth,
                tensor=f":output:{number}",
                dtype=array.dtype.name,
                shape=y.shape,
                cosine=cosine_similarity(x.reshape(-1), y.reshape(-1)),
                distance=relative_euclidean_distance(x, y),
                largest=float(np.abs(x - y).max()),
            )

    def _convert(self, flags: Mapping[str, str]) -> int:
        for path in Path(flags["-d"]).iterdir():
            with np.load(path) as held:
                for number, array in enumerate(held.values()):
                    np.save(Path(flags["-out"]) / f"{path.name}.output.{number}.npy", array)
        return 0


def unlaid(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Out of NC1HWC0, or as it is."""
    if array.shape == shape:
        return array
    n, c1, h, w, c0 = array.shape
    return array.transpose(0, 1, 4, 2, 3).reshape(n, c1 * c0, h, w)[:, : shape[1]]
