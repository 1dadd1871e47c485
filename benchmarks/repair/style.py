"""How a network is written down: names, opset, and the parts that exporters and authors write in different ways.

Here belongs the choice as data. Not here: the parts themselves (`blocks.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Naming = Literal["torch", "tf", "none", "plain"]
"""`torch`: scoped paths; `tf`: tf2onnx's; `none`: nodes without a name and numbered tensors; `plain`: `Conv_12`."""
Norm = Literal["fused", "written", "written_mul"]
"""A layer normalisation as one operator, or written out with Pow, or with Mul."""
Gelu = Literal["erf", "tanh", "onnx", "microsoft"]
GroupNorm = Literal["instance", "onnx"]
Masked = Literal["multiply", "where", "add", "subtract"]
"""How a mask reaches attention scores: (1 - m) * value added; Where(m, scores, value); a constant added; value
subtracted times (1 - m)."""

Block = Callable[..., str]
"""Something that takes a network (`builder.Net`) and a tensor of it, and gives a tensor of the same shape."""


@dataclass(frozen=True)
class Style:
    """One way to write a network down. `sites`: blocks that are put where the network has a place for one."""

    naming: Naming = "torch"
    opset: int = 17
    constant_nodes: bool = False
    norm: Norm = "written"
    gelu: Gelu = "erf"
    group_norm: GroupNorm = "instance"
    epsilon: float = 1e-5
    masked: Masked = "multiply"
    mask_value: float = -1e4
    resize: Literal["scales", "computed"] = "scales"
    einsum: bool = False
    sites: tuple[Block, ...] = ()
    batch: int = 1
    seed: int = 0
    size: int = 0
    """0 is the network's own size; 1 and 2 are wider, deeper variants."""
    arrays: frozenset[str] = field(default_factory=frozenset)
