"""All-layer comparison against plain FP32 inference, and against Polygraphy's all-layer run, on one 100 MB ResNet-50.

    python -m benchmarks.compare_layers [--rounds 5] [--json]

Cold: each in a fresh process, from the file to the answer, reading and sessions included, imports not. Warm: by turns
in one process, sessions open. The ratios are of medians over the rounds of one run, so that they hold on a busy
machine too. Ours gives for every layer the accumulated error and the layer's own; Polygraphy, where it is installed
(`python -m pip install polygraphy`), the accumulated error only: it compares the outputs of all layers of the same two
graphs, FP32 and with the device's rounding.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from benchmarks.reference_models import resnet50
from resources.ascend.emulator.compare import Comparer, compare
from resources.ascend.emulator.infer import serialized, session_options
from resources.ascend.emulator.lower import lower
from resources.ascend.options import CompileOptions
from resources.onnx_files import load as safely
from resources.onnx_files.shapes import with_shapes

OPTIONS = CompileOptions(soc_version="Ascend310P3", precision_mode="force_fp16")
GOAL = 4.0
"""All layers in three networks, FP32, device and own, in no more than four times one network."""

Inputs = dict[str, NDArray[Any]]
Once = Callable[[], object]


def inputs_of() -> Inputs:
    """Normal random values for ResNet-50's input, from a fixed seed."""
    return {"x": np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)}


def load(path: Path) -> onnx.ModelProto:
    """The model, judged safe, with its types inferred: as every caller of the comparison gets it."""
    return with_shapes(safely(path), None, None, in_place=True)


def plain(path: Path, inputs: Inputs) -> Once:
    """ONNX Runtime in FP32, with the same thread settings as ours; opened, ready to run."""
    session = onnxruntime.InferenceSession(path, session_options(), providers=["CPUExecutionProvider"])
    return lambda: session.run(None, inputs)


def ours(path: Path, inputs: Inputs) -> Once:
    """Our comparison with its sessions kept open."""
    comparer = Comparer(load(path), OPTIONS)
    return lambda: comparer.run(inputs)


def ours_once(path: Path, inputs: Inputs) -> Once:
    """Our comparison for one set of inputs, which keeps nothing."""
    model = load(path)
    return lambda: compare(model, OPTIONS, inputs)


def polygraphy(path: Path, inputs: Inputs) -> Once:
    """Polygraphy's comparison of all layers, its runners open. Needs the polygraphy package."""
    from polygraphy.backend.onnx import ModifyOutputs
    from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx
    from polygraphy.comparator import Comparator
    from polygraphy.logger import G_LOGGER

    model = load(path)
    G_LOGGER.module_severity = G_LOGGER.CRITICAL
    layers = [node.output[0] for node in model.graph.node]
    runners = [
        OnnxrtRunner(SessionFromOnnx(serialized(ModifyOutputs(graph, outputs=layers)())), name=name)
        for name, graph in (("fp32", model), ("device", lower(model, OPTIONS)))
    ]
    for runner in runners:
        runner.activate()
    return lambda: Comparator.compare_accuracy(Comparator.run(runners, data_loader=[inputs]))


COLD: Mapping[str, Callable[[Path, Inputs], Once]] = {"plain": plain, "ours": ours_once, "polygraphy": polygraphy}
WARM: Mapping[str, Callable[[Path, Inputs], Once]] = {**COLD, "ours": ours}


def has_polygraphy() -> bool:
    """Whether the polygraphy package can be imported."""
    return importlib.util.find_spec("polygraphy") is not None


def seconds(once: Once) -> float:
    """Wall seconds of one call."""
    begin = time.perf_counter()
    once()
    return time.perf_counter() - begin


def cold_here(kind: str, path: Path) -> float:
    """Seconds from the file to the answer, in this process."""
    inputs = inputs_of()
    begin = time.perf_counter()
    COLD[kind](path, inputs)()
    return time.perf_counter() - begin


def cold(kind: str, path: Path) -> float:
    """The same in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.compare_layers", "--cold", kind, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    return float(done.stdout)


def warm(path: Path, rounds: int, kinds: Sequence[str]) -> dict[str, float]:
    """Median seconds of each kind, by turns. Each turn is two calls, of which the second counts: caches are its own."""
    inputs = inputs_of()
    ready = {kind: WARM[kind](path, inputs) for kind in kinds}
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds + 1):
        for kind, once in ready.items():
            once()
            taken[kind].append(seconds(once))
    return {kind: statistics.median(values[1:]) for kind, values in taken.items()}


def measure(path: Path, rounds: int) -> dict[str, Any]:
    """Cold and warm medians, their ratios to plain FP32, and where polygraphy is installed its ratio to ours."""
    kinds = [kind for kind in COLD if kind != "polygraphy" or has_polygraphy()]
    fresh: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            fresh[kind].append(cold(kind, path))
    found: dict[str, Any] = {"megabytes": path.stat().st_size / 1e6, "rounds": rounds}
    found["cold_s"] = {kind: statistics.median(values) for kind, values in fresh.items()}
    found["warm_s"] = warm(path, rounds, ["plain", "ours"])
    if "polygraphy" in kinds:  # apart, because its sessions' threads spin on after a run
        found["warm_s"] |= warm(path, rounds, ["polygraphy"])
    for state in ("cold", "warm"):
        times = found[f"{state}_s"]
        found[f"{state}_ratio"] = times["ours"] / times["plain"]
        if "polygraphy" in times:
            found[f"{state}_polygraphy_to_ours"] = times["polygraphy"] / times["ours"]
    return found


def table(found: Mapping[str, Any]) -> str:
    """What a person reads."""
    kinds = {"plain": "plain FP32 inference", "ours": "all layers, ours", "polygraphy": "all layers, Polygraphy"}
    lines = [
        f"ResNet-50, {found['megabytes']:.0f} MB, medians of {found['rounds']} rounds",
        f"{'':28}{'cold':>10}{'warm':>10}",
    ]
    lines += [
        f"{kinds[kind]:28}{found['cold_s'][kind]:8.3f} s{found['warm_s'][kind]:8.3f} s" for kind in found["cold_s"]
    ]
    lines.append(
        f"{'ours : plain':28}{found['cold_ratio']:10.2f}{found['warm_ratio']:10.2f}   (goal: at most {GOAL:.0f})"
    )
    if "cold_polygraphy_to_ours" in found:
        pair = found["cold_polygraphy_to_ours"], found["warm_polygraphy_to_ours"]
        lines.append(f"{'Polygraphy : ours':28}{pair[0]:10.2f}{pair[1]:10.2f}")
    else:
        lines.append("Polygraphy is not installed: `python -m pip install polygraphy` adds its column")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cold", nargs=2, metavar=("KIND", "PATH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.cold:
        print(cold_here(arguments.cold[0], Path(arguments.cold[1])))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "resnet50.onnx"
        onnx.save(resnet50(1, "random"), path)
        found = measure(path, arguments.rounds)
    print(json.dumps(found) if arguments.json else table(found))


if __name__ == "__main__":
    main()
