"""Does the emulator compute FP16 as numpy does? Asked of ONNX's own operator tests.

`python -m benchmarks.fp16_agreement` runs every float32 node test that ships with the onnx package through the
emulator in force_fp16, and through a second way that shares no arithmetic with it: ONNX's reference evaluator, one
node at a time, in FP32 on values that numpy rounded to FP16, its results rounded by numpy again. Prints how many agree
bit for bit, within one unit in the last place, or not, and why others were not run. `--docs` writes the counts into
docs/emulator-numerics.md; `--json` prints one object.
"""

import argparse
import json
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from resources.ascend.emulator.infer import Session, serialized
from resources.ascend.emulator.lower import lower
from resources.ascend.emulator.precision import Arithmetic, arithmetic
from resources.ascend.emulator.rounding import EPSILON_DEFAULTS, HOST_INPUTS, epsilon_of
from resources.ascend.options import CompileOptions
from resources.onnx_files.graph import view

Verdict = Literal["equal", "one ulp", "differs", "not run"]
VERDICTS: tuple[Verdict, ...] = ("equal", "one ulp", "differs", "not run")
DOCS = Path(__file__).parent.parent / "docs" / "emulator-numerics.md"
MARKERS = ("<!-- agreement: begin -->", "<!-- agreement: end -->")

_OPTIONS = CompileOptions(soc_version="Ascend310P3", precision_mode="force_fp16")
NEWEST = 24
"""An opset that ONNX Runtime 1.22 and later call released."""

TRAINING = 2
"""The position of Dropout's input that turns it on."""

_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)


@dataclass(frozen=True)
class Result:
    """One node test. `ulps`: the largest distance in FP16 units in the last place; `why`: why it was not run."""

    name: str
    op: str
    verdict: Verdict
    ulps: int = 0
    why: str = ""


class NotRun(Exception):
    """The test cannot be asked; the message says why."""


def results(*, expanded: bool = True) -> Iterator[Result]:
    """Every float32 node test of the installed onnx package; those of function bodies only if `expanded`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the package's own tests divide by zero on purpose
        from onnx.backend.test.case.node import collect_testcases

        for case in collect_testcases(None):
            wanted = expanded or "_expanded" not in case.name
            if wanted and case.model is not None and case.data_sets and _is_float32(case.model):
                yield judge(case.name, case.model, case.data_sets[0][0])


def judge(name: str, model: onnx.ModelProto, given: Sequence[Any]) -> Result:
    """One test, by both ways."""
    op = model.graph.node[0].op_type if model.graph.node else ""
    try:
        typed = onnx.shape_inference.infer_shapes(_stamped(model))
        feeds = _feeds(typed, given)
        emulated = _emulated(typed, feeds)
        expected = _expected(typed, feeds)
    except NotRun as reason:
        return Result(name, op, "not run", why=str(reason))
    distance = max((_ulps(emulated[key], expected[key]) for key in emulated), default=0)
    verdict: Verdict = "equal" if distance == 0 else "one ulp" if distance == 1 else "differs"
    return Result(name, op, verdict, distance)


def _stamped(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model under the newest released opset, when its own is newer and no operator in it is."""
    version = max((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), default=0)
    newer = any(
        node.domain not in {"", "ai.onnx"} or onnx.defs.get_schema(node.op_type, version, "").since_version > NEWEST
        for node in model.graph.node
        if version > NEWEST
    )
    if version <= NEWEST or newer:
        return model
    stamped = onnx.ModelProto()
    stamped.CopyFrom(model)
    for opset in stamped.opset_import:
        if opset.domain in {"", "ai.onnx"}:
            opset.version = NEWEST
    return stamped


def _is_float32(model: onnx.ModelProto) -> bool:
    ends = (*model.graph.input, *model.graph.output)
    return any(v.type.tensor_type.elem_type == TensorProto.FLOAT for v in ends)


def _feeds(model: onnx.ModelProto, given: Sequence[Any]) -> dict[str, NDArray[Any]]:
    if any(not v.type.HasField("tensor_type") for v in (*model.graph.input, *model.graph.output)):
        raise NotRun("sequences, optionals and maps are no tensors")
    if any(node.op_type in _RANDOM for node in model.graph.node):
        raise NotRun("random results")
    if any(a.name == "training_mode" and a.i for node in model.graph.node for a in node.attribute):
        raise NotRun("random results")
    if any(
        node.op_type == "Dropout" and len(node.input) > TRAINING and node.input[TRAINING] for node in model.graph.node
    ):
        raise NotRun("random results")
    arrays = [numpy_helper.to_array(a) if isinstance(a, TensorProto) else np.asarray(a) for a in given]
    return {value.name: array for value, array in zip(model.graph.input, arrays, strict=False)}


def _emulated(model: onnx.ModelProto, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    try:
        return Session(serialized(lower(model, _OPTIONS))).run(feeds)
    except ValueError as error:
        raise NotRun(_short(f"ONNX Runtime: {error}")) from error


def _expected(model: onnx.ModelProto, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The reference evaluator node by node, every float of an FP16 node rounded by numpy."""
    known: dict[str, NDArray[Any]] = {**feeds, "": np.empty(0)}
    known.update((w.name, numpy_helper.to_array(w)) for w in model.graph.initializer)
    for node, made in zip(model.graph.node, arithmetic(view(model), _OPTIONS), strict=True):
        host = HOST_INPUTS.get(node.op_type, frozenset())
        inputs = [
            _to_fp16(known[name]) if made.inputs == "float16" and position not in host else known[name]
            for position, name in enumerate(node.input)
        ]
        for name, result in zip(node.output, _evaluate(model, node, made, inputs), strict=False):
            known[name] = _to_fp16(result) if made.output == "float16" else result
    return {output.name: known[output.name] for output in model.graph.output}


def _evaluate(
    model: onnx.ModelProto, node: onnx.NodeProto, made: Arithmetic, inputs: Sequence[NDArray[Any]]
) -> Sequence[NDArray[Any]]:
    alone = onnx.NodeProto()
    alone.CopyFrom(node)
    if made.inputs == "float16" and node.op_type in EPSILON_DEFAULTS:
        kept = [a for a in alone.attribute if a.name != "epsilon"]
        del alone.attribute[:]
        held = float(np.float16(epsilon_of(node) or 0.0))
        alone.attribute.extend([*kept, helper.make_attribute("epsilon", held)])
    feeds = {name: array for name, array in zip(node.input, inputs, strict=True) if name}
    graph = helper.make_graph(
        [alone],
        "node",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in feeds.items()],
        [onnx.ValueInfoProto(name=name) for name in node.output if name],
    )
    try:
        single = helper.make_model(graph, opset_imports=model.opset_import, functions=model.functions)
        found = ReferenceEvaluator(single).run(None, feeds)
    except Exception as error:
        raise NotRun(_short(f"ONNX's reference evaluator: {type(error).__name__}: {error}")) from error
    by_name = dict(zip((name for name in node.output if name), found, strict=True))
    return [by_name.get(name, np.empty(0)) for name in node.output]


def _to_fp16(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        return np.asarray(array.astype(np.float16).astype(np.float32))


def _ulps(x: NDArray[Any], y: NDArray[Any]) -> int:
    """The largest distance of two tensors in FP16 steps; 99 999 where shapes, integers or NaN differ."""
    if x.shape != y.shape:
        return 99_999
    if x.dtype != np.float32 or y.dtype != np.float32:
        return 0 if np.array_equal(x, y, equal_nan=x.dtype.kind == "f") else 99_999
    if x.size == 0:
        return 0
    nans = np.isnan(x), np.isnan(y)
    if not np.array_equal(*nans):
        return 99_999
    steps = [_order(np.where(nans[0], np.float32(0), v)) for v in (x, y)]
    return int(np.abs(steps[0] - steps[1]).max())


def _order(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Each value's place among FP16 numbers; both zeros share one."""
    with np.errstate(over="ignore"):
        bits = values.astype(np.float16).view(np.int16).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFF), bits)


def _short(text: str) -> str:
    """A reason without what differs from test to test."""
    line = re.sub(r"\S*/onnxruntime/\S+ .*?\) ", "", text.partition("\n")[0])
    return re.sub(r"Could not find an implementation for (\w+)\(\d+\).*", r"no kernel for \1", line)[:300]


def reason_class(result: Result) -> str:
    """Why a test was not run, in a few classes."""
    classes = {
        "no kernel": "ONNX Runtime has no CPU kernel",
        "not a registered": "ONNX Runtime does not know the operator",
        "Unrecognized attribute": "ONNX Runtime does not know the operator's newest attributes",
        "official released": "ONNX Runtime does not know the opset",
        "MLDataType": "a type that numpy and ONNX Runtime do not share",
        "needed; convert": "a type that numpy and ONNX Runtime do not share",
        "Batchwise": "ONNX Runtime has no batchwise recurrent operators",
        "reference evaluator": "ONNX's reference evaluator cannot run it",
        "ONNX Runtime": "ONNX Runtime refuses the test's model",
    }
    return next((words for key, words in classes.items() if key in result.why), result.why)


def table(found: Sequence[Result]) -> str:
    """The counts as Markdown."""
    counts = Counter(result.verdict for result in found)
    lines = ["| float32 node tests | count |", "|---|---:|"]
    names = {"equal": "equal bit for bit", "one ulp": "within one unit in the last place", "differs": "differ by more"}
    lines += [f"| {names[verdict]} | {counts[verdict]} |" for verdict in VERDICTS if verdict in names]
    reasons = Counter(reason_class(r) for r in found if r.verdict == "not run")
    lines += [f"| not run: {reason} | {count} |" for reason, count in sorted(reasons.items())]
    lines.append(f"| all, onnx {onnx.__version__} | {len(found)} |")
    apart = sorted({r.op for r in found if r.verdict == "differs"})
    if apart:
        lines += ["", f"Operators among those that differ by more: {', '.join(apart)}."]
    return "\n".join(lines)


def write_docs(found: Sequence[Result], path: Path = DOCS) -> None:
    """Replace what stands between the markers. Raises `ValueError` when the file has none."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(MARKERS[0])
    _, end, after = rest.partition(MARKERS[1])
    if not begin or not end:
        raise ValueError(
            f"{path}: the markers {MARKERS[0]} and {MARKERS[1]} are missing; put them where the table belongs"
        )
    path.write_text(f"{before}{begin}\n{table(found)}\n{end}{after}", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the counts; 0 always, a test pins them."""
    parser = argparse.ArgumentParser(description="FP16 agreement of the emulator with numpy over ONNX's node tests.")
    parser.add_argument("--json", action="store_true", help="one object with every test")
    parser.add_argument("--docs", action="store_true", help=f"write the counts into {DOCS.name}")
    options = parser.parse_args(argv)
    found = list(results())
    if options.docs:
        write_docs(found)
    if options.json:
        print(json.dumps([asdict(result) for result in found]))
    else:
        print(table(found))
        for result in found:
            if result.verdict == "differs":
                print(f"{result.name} ({result.op}): {result.ulps} ulp")
    return 0


if __name__ == "__main__":
    sys.exit(main())
