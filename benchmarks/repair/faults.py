"""What a planted fault is, and a network on its way to becoming a broken file.

Here belong the two forms. Not here: the faults (`faults_*.py`), or which network gets which (`corpus.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from benchmarks.repair.style import Block, Style

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto


@dataclass(frozen=True)
class Sample:
    """One model as a person would hand it in.

    `argv`: the options given with it; `feeds`: its inputs, where random numbers would not do. `truth`: what it
    computes, as a model that ONNX Runtime runs in FP32; by default itself.
    """

    model: "ModelProto"
    argv: tuple[str, ...] = ()
    feeds: "Mapping[str, NDArray[Any]]" = field(default_factory=dict)
    truth: "ModelProto | None" = None

    def edited(self, model: "ModelProto", *argv: str) -> "Sample":
        """The same with another model, and options besides; what it computes is what it did."""
        return replace(self, model=model, argv=(*self.argv, *argv))


@dataclass(frozen=True)
class Fault:
    """One planted fault.

    `family` says in the issue's words what is wrong (`expected.py` says how a diagnosis may call it). A fault changes
    how the network is written (`style`), or the finished file (`graft`). `unattended`: whether it can be repaired
    without a person and without changing what the model computes. `exact`: whether a repair leaves FP32 results as they
    were; else they may move by `tolerance`.
    """

    name: str
    family: str
    style: Callable[[Style], Style] | None = None
    graft: Callable[[Sample], Sample] | None = None
    unattended: bool = True
    tolerance: float = 1e-2


def block(name: str, family: str, made: Block, *, unattended: bool = True) -> Fault:
    """A fault that is a block in the network."""

    def planted(style: Style) -> Style:
        return replace(style, sites=(*style.sites, made))

    return Fault(name, family, style=planted, unattended=unattended)


def written(name: str, family: str, **changes: Any) -> Fault:  # noqa: ANN401 - fields of Style
    """A fault that is a way to write the network down."""

    def planted(style: Style) -> Style:
        return replace(style, **changes)

    return Fault(name, family, style=planted)
