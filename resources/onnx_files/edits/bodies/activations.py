"""Activations, written out: the Gelu family, Swish, and casts by example.

Sources: ONNX's definitions; ONNX Runtime's ContribOperators.md for the domain com.microsoft.
"""

import math

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.site import Body, Site

_MICROSOFT = "com.microsoft"


def gelu(site: Site, x: str, out: str, *, tanh: bool) -> None:
    """Write x * Phi(x), Phi by the error function or by its approximation with tanh."""
    write, dtype = site.write, site.dtype(0)
    one, half = write.scalar(1.0, dtype), write.scalar(0.5, dtype)
    if tanh:
        # sqrt(2/pi) * x * (1 + 0.044715 * x^2): x^2 alone overflows FP16 later than x^3.
        square = write.op("Mul", x, x)
        bent = write.op("Add", write.op("Mul", square, write.scalar(0.044715, dtype)), one)
        slope = write.op("Mul", x, write.scalar(math.sqrt(2 / math.pi), dtype))
        bell = write.op("Tanh", write.op("Mul", slope, bent))
    else:
        bell = write.op("Erf", write.op("Mul", x, write.scalar(math.sqrt(0.5), dtype)))
    write.op("Mul", write.op("Mul", x, half), write.op("Add", bell, one), out=out)


def _gelu(site: Site) -> None:
    gelu(site, site.input(0), site.out(), tanh=site.attribute("approximate", "none") == "tanh")


def _bias_gelu(site: Site) -> None:
    gelu(site, site.write.op("Add", site.input(0), site.input(1)), site.out(), tanh=False)


def _fast_gelu(site: Site) -> None:
    x = site.write.op("Add", site.input(0), site.input(1)) if site.has(1) else site.input(0)
    gelu(site, x, site.out(), tanh=True)


def _swish(site: Site, alpha: float) -> None:
    x = site.input(0)
    scaled = x if alpha == 1 else site.write.op("Mul", x, site.write.scalar(alpha, site.dtype(0)))
    site.write.op("Mul", x, site.write.op("Sigmoid", scaled), out=site.out())


def _quick_gelu(site: Site) -> None:
    _swish(site, float(site.attribute("alpha", 1.702)))


def _plain_swish(site: Site) -> None:
    _swish(site, float(site.attribute("alpha", 1.0)))


def _mish(site: Site) -> None:
    bell = site.write.op("Tanh", site.write.op("Softplus", site.input(0)))
    site.write.op("Mul", site.input(0), bell, out=site.out())


def _hard_swish(site: Site) -> None:
    gate = site.write.op("HardSigmoid", site.input(0), alpha=1 / 6, beta=0.5)
    site.write.op("Mul", site.input(0), gate, out=site.out())


def _cast_like(site: Site) -> None:
    from onnx import TensorProto

    if site.dtype(1) in {TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E5M2} and not site.attribute("saturate", 1):
        raise EditError("it casts to an 8-bit float without saturation")
    site.write.op("Cast", site.input(0), out=site.out(), to=site.dtype(1))


BODIES: dict[tuple[str, str], Body] = {
    ("", "Gelu"): _gelu,
    (_MICROSOFT, "Gelu"): _gelu,
    (_MICROSOFT, "BiasGelu"): _bias_gelu,
    (_MICROSOFT, "FastGelu"): _fast_gelu,
    (_MICROSOFT, "QuickGelu"): _quick_gelu,
    ("", "Swish"): _plain_swish,
    ("", "Mish"): _mish,
    ("", "HardSwish"): _hard_swish,
    ("", "CastLike"): _cast_like,
}
