"""The same model without fusion: whether an error comes from a fused operator or from the arithmetic.

Here belong the compilation with all fusion passes off, its run on the same inputs, and what the pair of errors says
(CANN's precision guide: turn fusion off, compare again). Not here: which layer is bad (`figures.py`).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from resources.ascend.metrics import DISTANCE_LIMIT, beyond_limits
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import FusionTrial, OutputComparison

TELLING = 10.0
"""An error that is this many times smaller without fusion comes from fusion, even if some of it stays."""

Verdict = Literal["fusion", "arithmetic", "neither"]


Recompile = Callable[[Path, CompileOptions, Path], Sequence[str]]
"""How the caller compiles again: an ONNX file, its options, where the `.om` goes.

It hands back the fusion passes that took effect (`fusion_result.json`), and raises `CompileRefused` or `ToolFailed`.
"""


def without_fusion(options: CompileOptions) -> CompileOptions:
    """The options with all fusion passes of both kinds off; passes that the compiler needs stay on by themselves."""
    return options.model_copy(update={"fusion_switches": {"ALL": "off"}})


def wanted(outputs: Iterable[OutputComparison], *, bad_layer: bool) -> bool:
    """Whether a trial can tell something: an output or a layer is beyond the limits."""
    return bad_layer or any(map(bad_output, outputs))


def bad_output(output: OutputComparison) -> bool:
    """Whether an output is beyond msit's limits."""
    return beyond_limits(output.cosine_similarity, output.relative_euclidean_distance, output.non_finite)


def largest_distance(outputs: Iterable[OutputComparison]) -> float:
    """The largest relative Euclidean distance; NaN where one is, 0 for no outputs."""
    distances = [output.relative_euclidean_distance for output in outputs]
    return math.nan if any(map(math.isnan, distances)) else max(distances, default=0.0)


def verdict(fused: float, unfused: float) -> Verdict:
    """What the errors with and without fusion say. NaN is beyond every limit.

    `neither`: with fusion the outputs are within limits. `fusion`: without it they are, or the error is `TELLING` times
    smaller. `arithmetic`: the error stays.
    """
    before, after = (math.inf if math.isnan(error) else error for error in (fused, unfused))
    if before <= DISTANCE_LIMIT:
        return "neither"
    # An infinite error that becomes a finite one is more than ten times smaller, one that stays infinite is not.
    better = after <= DISTANCE_LIMIT or (math.isfinite(after) and after * TELLING <= before)
    return "fusion" if better else "arithmetic"


def trial(
    options: CompileOptions,
    fused: Sequence[OutputComparison],
    recompile: Callable[[CompileOptions, Path], Sequence[str]],
    measure: Callable[[Path], Sequence[OutputComparison]],
    work: Path,
) -> FusionTrial:
    """Compile without fusion, run on the same inputs, compare.

    `fused`: the outputs of the model at hand. `measure`: those of another `.om` on the same inputs. Where fusion is to
    blame the model is compiled as it was once more, to name the passes that took effect. Raises what the two raise.
    """
    om = work / "unfused.om"
    recompile(without_fusion(options), om)
    before, after = largest_distance(fused), largest_distance(measure(om))
    found = verdict(before, after)
    passes = tuple(recompile(options, work / "fused.om")) if found == "fusion" else ()
    return FusionTrial(fused=before, unfused=after, passes=passes, verdict=found)
