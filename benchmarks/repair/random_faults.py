"""Random networks with random faults, for how far the figures carry beyond the corpus.

Here belongs drawing cases that really fail. Not here: the faults, or running.
"""

import random
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import numpy as np

from ascend_assets import evaluation
from benchmarks.repair.catalogue import FAULTS
from benchmarks.repair.checking import run
from benchmarks.repair.corpus import NETWORKS, Case, build
from benchmarks.repair.faults import Sample
from benchmarks.repair.style import Style
from resources import onnx_files

_TWO = 0.3
"""Share of the cases that get a second fault."""
_TRIES = 40
"""Draws for one case: many faults find nothing to spoil in many networks."""


def cases(count: int, seed: int) -> Iterator[Case]:
    """`count` cases that preflight refuses, the same for the same seed. Raises `RuntimeError` if none can be drawn."""
    drawn, taken = random.Random(seed), set()  # noqa: S311 - a benchmark, no secret
    for _ in range(count):
        case = next((c for c in (_case(drawn) for _ in range(_TRIES)) if c.name not in taken and _fails(c)), None)
        if case is None:
            raise RuntimeError(f"seed {seed}: {_TRIES} draws in a row give no model that fails: take another seed")
        taken.add(case.name)
        yield case


def _case(drawn: random.Random) -> Case:
    network = drawn.choice(sorted(NETWORKS))
    unattended = sorted(name for name, fault in FAULTS.items() if fault.unattended)
    faults = drawn.sample(unattended, 2 if drawn.random() < _TWO else 1)
    style = Style(
        naming=drawn.choice(("torch", "tf", "none", "plain")),
        constant_nodes=drawn.choice((False, True)),
        norm=drawn.choice(("written", "fused", "written_mul")),
        masked=drawn.choice(("multiply", "where", "subtract")),
        gelu=drawn.choice(("erf", "tanh")),
        size=drawn.randrange(2),
        seed=drawn.randrange(1 << 30),
    )
    return Case("random", network, tuple(faults), style=style)


def _fails(case: Case) -> bool:
    """Whether every fault of it could be planted, and each of them alone breaks it."""
    try:
        if not finite(build(case)):
            return False
        return all(
            refused(build(Case(case.half, case.network, (name,), style=case.style))) for name in case.faults
        ) and (len(case.faults) == 1 or refused(build(case)))
    except Exception:  # noqa: BLE001 - a fault that this network has no place for, in whatever words onnx says so
        return False


def finite(sample: Sample) -> bool:
    """Whether the model is sound in FP32: no output is infinite or NaN. Open sizes are taken for granted."""
    model = sample.truth or sample.model
    declared = onnx_files.signature(model).inputs
    shapes = {tensor.name: tensor.shape or () for tensor in declared}
    if any(dim < 1 for shape in shapes.values() for dim in shape):
        return True
    drawn = evaluation.samples_for_comparison(None, declared, shapes, seed=0)
    return all(bool(np.isfinite(output).all()) for output in run(model, drawn))


def refused(sample: Sample) -> bool:
    """Whether `ascend preflight` refuses the file as it was handed in."""
    from pathlib import Path

    import onnx

    from benchmarks.repair.running import command

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(sample.model, path)
        return command(["preflight", str(path), *sample.argv, "--json"], process=False).code != 0
