"""How good the estimate of risk is, on a history made here.

    python -m benchmarks.risk [--conversions 400] [--seed 7] [--json]

A fleet of models is made by chance: which operators, which opset, which SoC, which options. Each is compiled by the
emulator, whose rules are ATC's, so that the refusals are real ones; the estimate sees facts and outcomes in their
order, as it would in Dagster's event log. Told are the Brier scores of the estimate and of the plain rate of refusals,
both on compilations that were not seen (every one estimated from those before it, the newest 30 % scored), and how
often what was called so many per cent likely came. The fleet changes half-way: operators appear that nobody has tried.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ascend_assets.risk import facts
from ascend_assets.risk.estimate import HELD_OUT, estimate
from ascend_assets.risk.facts import Conversion
from resources.ascend.emulator import compile as compiler
from resources.ascend.emulator import refusals
from resources.ascend.options import CompileOptions

UNARY = ("Relu", "Sigmoid", "Tanh", "Exp", "Sqrt", "Neg", "Abs", "Softplus", "Erf", "HardSwish", "Identity", "Floor")
NEW = ("Mish", "Gelu", "Celu", "Softsign", "ThresholdedRelu", "Elu", "Selu", "Sign", "Round", "Atan")
OPSETS = (*(11, 12, 13, 14, 15, 16, 17, 18) * 6, 19, 20, 21)
SOCS = ("Ascend310", "Ascend310P3", "Ascend310P3", "Ascend910B3")
MODES = (*(None,) * 20, "allow_mix_precision", "allow_mix_precision_bf16", "must_keep_origin_dtype")
RARE = 0.04
"""Share of models that end in an operator of which compilers are known to refuse some."""
BINS = (0.0, 0.05, 0.2, 0.5, 0.8, 1.0)
_SIZE = 8


def models(count: int, chance: random.Random) -> Iterator[tuple[onnx.ModelProto, CompileOptions]]:
    """A fleet: each model a chain of operators, some of which ATC has no parser or no kernel for."""
    for number in range(count):
        known = UNARY if number < count // 2 else UNARY + NEW
        yield _chain(chance, known), _options(chance)


def _options(chance: random.Random) -> CompileOptions:
    mode = chance.choice(MODES)
    given = {"soc_version": chance.choice(SOCS), "input_shape": {"x": (1, _SIZE)}, "precision_mode": mode}
    return CompileOptions.model_validate(given)


def _chain(chance: random.Random, known: Sequence[str]) -> onnx.ModelProto:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["t0"], name="first")]
    nodes += [
        helper.make_node(chance.choice(known), [f"t{index}"], [f"t{index + 1}"], name=f"n{index}")
        for index in range(chance.randint(3, 12))
    ]
    last = f"t{len(nodes) - 1}"
    if chance.random() < RARE:
        nodes.append(helper.make_node("Einsum", [last, "w", "w"], ["y"], name="e", equation="ab,bc,cd->ad"))
    elif chance.random() < RARE:
        nodes.append(helper.make_node("NonZero", [last], ["y"], name="z"))
    else:
        nodes.append(helper.make_node("MatMul", [last, "w"], ["y"], name="m"))
    kind = TensorProto.INT64 if nodes[-1].op_type == "NonZero" else TensorProto.FLOAT
    weight = numpy_helper.from_array(np.full((_SIZE, _SIZE), 0.1, dtype=np.float32), "w")
    ends = helper.make_tensor_value_info("x", 1, [1, _SIZE]), helper.make_tensor_value_info("y", kind, None)
    graph = helper.make_graph(nodes, "g", [ends[0]], [ends[1]], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", chance.choice(OPSETS))], ir_version=8)


def history(count: int, chance: random.Random) -> list[Conversion]:
    """The fleet, compiled in order."""
    made = []
    for model, options in models(count, chance):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        said = compiler.judge(copy, options)
        made.append(facts.conversion(model, options, said if refusals.refused(said) else None))
    return made


def reliability(past: Sequence[Conversion]) -> list[dict[str, Any]]:
    """For what was called so likely on the newest part: how many there were, and how many were refused."""
    first = len(past) - round(len(past) * HELD_OUT)
    said = [(estimate(past[:at], past[at].facts).probability, past[at].failed) for at in range(first, len(past))]
    rows = []
    for low, high in pairwise(BINS):
        inside = [(chance, came) for chance, came in said if low <= chance < high or chance == high == 1]
        if inside:
            mean = sum(chance for chance, _ in inside) / len(inside)
            rate = sum(came for _, came in inside) / len(inside)
            rows.append({"said": mean, "came": rate, "compilations": len(inside)})
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversions", type=int, default=400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    past = history(asked.conversions, random.Random(asked.seed))  # noqa: S311 - a fleet that can be made again
    risk = estimate(past, past[-1].facts)
    answer: dict[str, Any] = {
        "conversions": len(past),
        "refused": sum(made.failed for made in past),
        "held_out": risk.score.held_out if risk.score else 0,
        "brier": risk.score.brier if risk.score else None,
        "brier_of_the_plain_rate": risk.score.plain if risk.score else None,
        "reliability": reliability(past),
    }
    if asked.json:
        print(json.dumps(answer))
        return
    print(f"{answer['conversions']} compilations by the emulator, {answer['refused']} refused")
    if risk.score:
        print(
            f"Brier score on {risk.score.held_out} held out: {risk.score.brier:.3f}, plain rate {risk.score.plain:.3f}"
        )
    print("said      came      compilations")
    for row in answer["reliability"]:
        print(f"{row['said']:8.1%}  {row['came']:8.1%}  {row['compilations']:5d}")


if __name__ == "__main__":
    main()
