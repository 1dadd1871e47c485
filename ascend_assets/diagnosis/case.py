"""Everything that is known of one failure, and one fact in it.

Here belong the evidence that observers look at and what they hand on. Not here: looking (`observers/`), or what a fact
means (`rules/`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ascend_assets.gates.verdict import Verdict
from ascend_assets.remedies.kinds import Remedy
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Comparison, Diagnostic, Profile

if TYPE_CHECKING:
    import onnx

    from resources.onnx_files.graph import Graph

Value = str | int | float


@dataclass(frozen=True)
class Case:
    """One failure's evidence; whatever is not known is empty or None.

    `model` is as given, and nobody changes it; `graph` is its main graph with the shapes and types that could be
    inferred for `options`. `diagnostics`: what a compiler said, errors and warnings, from a toolchain or read out of a
    log; `log`: its text. `open_inputs`: inputs whose sizes nobody stated. `environment`: what is wrong with the machine
    or the installation, in the words of who found it.
    """

    options: CompileOptions
    model: "onnx.ModelProto | None" = None
    graph: "Graph | None" = None
    diagnostics: tuple[Diagnostic, ...] = ()
    log: str = ""
    verdicts: tuple[Verdict, ...] = ()
    comparison: Comparison | None = None
    profile: Profile | None = None
    open_inputs: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[Verdict, ...]:
        """Verdicts that keep it out of the first environment."""
        return tuple(verdict for verdict in self.verdicts if not verdict)


@dataclass(frozen=True)
class Observation:
    """One fact. `kind` is what rules ask for; `says` states it in English with its figures and names.

    `values` are what rules compare and what their texts name. `remedies` are ready to be tried, kind -> remedy: which
    of them, and in which order, a rule decides.
    """

    kind: str
    says: str
    nodes: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    remedies: Mapping[str, Remedy] = field(default_factory=dict)
    from_: str = "graph"
    """Which evidence it was read from: `graph`, `log`, `layers`, `verdicts`, `profile`, `options` or `environment`."""
