"""What a remedy is tried on: something that compiles, compares, times and judges a model.

Here belongs the protocol. Its two implementations: `file_bench.py` for any ONNX file, on the emulator; and
`candidate_bench.py` for a candidate, on its own toolchain, data and gates.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ascend_assets.gates.verdict import Verdict
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Comparison, Diagnostic, Origin, Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Outcome:
    """What one trial gave. `comparison` and `profile` are None where the compiler refused, `verdicts` never empty.

    `options` are those that were really used (open inputs settled). `unusable`: why the model could not even be
    compiled; then there is no verdict but that.
    """

    options: CompileOptions
    verdicts: tuple[Verdict, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    log: str = ""
    comparison: Comparison | None = None
    profile: Profile | None = None
    open_inputs: tuple[str, ...] = ()
    seconds: float = 0.0

    def __bool__(self) -> bool:
        """Whether every gate admits it to the first environment."""
        return bool(self.verdicts) and all(self.verdicts)


class Bench(Protocol):
    """Tries a model with options. The model is not changed."""

    origin: Origin

    def try_(self, model: "onnx.ModelProto", options: CompileOptions) -> Outcome:
        """Compile, compare, time and judge by the same gates as a candidate."""
        ...

    def inputs(self, model: "onnx.ModelProto", options: CompileOptions) -> "Tensors":
        """One batch of inputs, on which edits are held against the original in FP32. Raises `ValueError`."""
        ...
