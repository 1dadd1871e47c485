"""Evidence into a case: what a compiler, the gates and a comparison said of one model, and its graph with shapes.

Here belongs the inference of shapes on a copy without weights, as far as the model lets it. Not here: reading a log
(`log.py`), or looking at what was gathered (`observers/`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.case import Case
from resources.ascend.options import CompileOptions
from resources.onnx_files.limits import ShapeError
from resources.onnx_files.shapes import declared, inputs, with_shapes, without_weights

if TYPE_CHECKING:
    import onnx

    from ascend_assets.gates.verdict import Verdict
    from resources.ascend.toolchain import Comparison, Diagnostic, Profile
    from resources.onnx_files.graph import Graph

MAX_INFERRED_NODES = 20_000
"""Nodes of a graph whose shapes are inferred; a larger one is looked at as it stands."""


def case(  # noqa: PLR0913 - each piece of evidence by its name
    model: "onnx.ModelProto | None",
    options: CompileOptions,
    *,
    diagnostics: "Sequence[Diagnostic]" = (),
    log: str = "",
    verdicts: "Sequence[Verdict]" = (),
    comparison: "Comparison | None" = None,
    profile: "Profile | None" = None,
    open_inputs: Sequence[str] = (),
    environment: Sequence[str] = (),
) -> Case:
    """All that is known of one failure. `model`: from `onnx_files.load`, not changed; None where it is not at hand.

    Never raises: shapes that cannot be inferred are left as the file states them.
    """
    return Case(
        options=options,
        model=model,
        graph=None if model is None else graph(model, options),
        diagnostics=tuple(diagnostics),
        log=log,
        verdicts=tuple(verdicts),
        comparison=comparison,
        profile=profile,
        open_inputs=tuple(open_inputs),
        environment=tuple(environment),
    )


def graph(model: "onnx.ModelProto", options: CompileOptions) -> "Graph":
    """The main graph with the shapes and types that can be inferred for the options; open sizes stay open."""
    from resources.onnx_files.graph import view

    bare = without_weights(model)
    if len(bare.graph.node) > MAX_INFERRED_NODES:
        return view(bare)
    try:
        return view(with_shapes(bare, _inputs(model, options.input_shape), None, in_place=True))
    except ShapeError:
        # Sizes that contradict each other, or an input of unknown rank: what the file states is all there is.
        return view(bare)


def _inputs(model: "onnx.ModelProto", given: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """A shape for each input: the given one where it fits what the file states, else that, -1 for what is open."""
    shapes: dict[str, tuple[int, ...]] = {}
    for value in inputs(model):
        stated = declared(value)
        asked = given.get(value.name)
        if asked is not None and _fits(asked, stated):
            shapes[value.name] = tuple(asked)
        elif stated is not None:
            shapes[value.name] = tuple(-1 if dim is None else dim for dim in stated)
    return shapes


def _fits(asked: Sequence[int], stated: Sequence[int | None] | None) -> bool:
    if stated is None:
        return True
    return len(asked) == len(stated) and all(
        dim in {None, want} or want == -1 for want, dim in zip(asked, stated, strict=True)
    )
