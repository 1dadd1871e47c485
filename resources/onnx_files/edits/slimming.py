"""The child in which onnxslim runs: `python -m resources.onnx_files.edits.slimming BEFORE AFTER`.

Here belongs the call alone, so that what it prints, and how long it takes, stays in this process. Not here: its bounds
(`simplify.py`).
"""

import contextlib
import sys
from pathlib import Path

_SKIPPED = ["weight_tying"]
"""Equal weights stay apart: a repair may clamp or scale one of them."""


_LARGEST = 16 * 2**20
"""Bytes of one constant that is folded; what is larger is made when the model runs, as the file has it."""


def _fusions() -> list[str]:
    """Onnxslim's patterns that write trained weights or operators anew, by name."""
    from onnxslim.core.pattern.registry import DEFAULT_FUSION_PATTERNS  # type: ignore[import-untyped]

    return [
        name
        for name, matchers in DEFAULT_FUSION_PATTERNS.items()
        if any(".pattern.fusion." in type(matcher).__module__ for matcher in matchers)
    ]


def main(before: str, after: str) -> None:
    """Simplify the model of one file into another. Raises what onnxslim raises."""
    import onnx
    import onnxslim  # type: ignore[import-untyped]

    model = onnx.load(before, load_external_data=False)
    with contextlib.redirect_stdout(sys.stderr):
        slim = onnxslim.slim(
            model,
            no_shape_infer=True,
            skip_fusion_patterns=_fusions(),
            skip_optimizations=_SKIPPED,
            size_threshold=_LARGEST,
        )
    Path(after).write_bytes(slim.SerializeToString())


if __name__ == "__main__":
    main(*sys.argv[1:])
