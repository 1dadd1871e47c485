"""Products with something behind them, as ONNX Runtime's optimiser fuses them, written out.

Source: ONNX Runtime's ContribOperators.md.
"""

from typing import Any

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.site import Body, Site

_MICROSOFT = "com.microsoft"
_ACTIVATIONS = {
    "Relu": (),
    "Tanh": (),
    "Sigmoid": (),
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
}
"""Activations that are fused, with the attributes that their numbers stand for."""


def _swapped(site: Site, index: int) -> str:
    """An input with its last two dimensions changed about."""
    rank = site.rank(index)
    order = [*range(rank - 2), rank - 1, rank - 2]
    return site.write.op("Transpose", site.input(index), perm=order) if rank > 1 else site.input(index)


def _fused_matmul(site: Site) -> None:
    if site.attribute("transBatchA", 0) or site.attribute("transBatchB", 0):
        raise EditError("it moves batch dimensions (transBatchA, transBatchB)")
    left = _swapped(site, 0) if site.attribute("transA", 0) else site.input(0)
    right = _swapped(site, 1) if site.attribute("transB", 0) else site.input(1)
    alpha = float(site.attribute("alpha", 1.0))
    if alpha == 1:
        site.write.op("MatMul", left, right, out=site.out())
        return
    # Scaled first: a product that only then becomes small may have left FP16's range.
    scaled = site.write.op("Mul", left, site.write.scalar(alpha, site.dtype(0)))
    site.write.op("MatMul", scaled, right, out=site.out())


def _activated(site: Site, kind: str, x: str, numbers: "list[float]") -> None:
    if kind == "Clip" and len(numbers) == 2:  # noqa: PLR2004 (lower and upper bound)
        low, high = (site.write.scalar(number, site.dtype(0)) for number in numbers)
        site.write.op("Clip", x, low, high, out=site.out())
        return
    if kind not in _ACTIVATIONS or len(numbers) > len(_ACTIVATIONS[kind]):
        raise EditError(f"its activation {kind[:40]!r} is not known")
    given: dict[str, Any] = dict(zip(_ACTIVATIONS[kind], numbers, strict=False))
    site.write.op(kind, x, out=site.out(), **given)


def _fused_conv(site: Site) -> None:
    fused = {"activation", "activation_params"}
    others = {e.name: site.attribute(e.name) for e in site.node.attribute if e.name not in fused}
    made = site.write.op("Conv", *[site.input(index) for index in range(3)], **others)
    if site.has(3):
        made = site.write.op("Add", made, site.input(3))
    numbers = [float(number) for number in site.attribute("activation_params", [])]
    _activated(site, str(site.attribute("activation", "")), made, numbers)


def _fused_gemm(site: Site) -> None:
    own = {"transA", "transB", "alpha", "beta"}
    others = {name: site.attribute(name) for name in own if site.attribute(name) is not None}
    made = site.write.op("Gemm", *[site.input(index) for index in range(3)], **others)
    names = ("activation_alpha", "activation_beta", "activation_gamma")
    numbers = [float(site.attribute(name)) for name in names if site.attribute(name) is not None]
    _activated(site, str(site.attribute("activation", "")), made, numbers)


BODIES: dict[tuple[str, str], Body] = {
    (_MICROSOFT, "FusedMatMul"): _fused_matmul,
    (_MICROSOFT, "FusedConv"): _fused_conv,
    (_MICROSOFT, "FusedGemm"): _fused_gemm,
}
