"""Normalisations, written out: over layers, groups and root mean squares, with ONNX Runtime's fused variants.

Sources: ONNX's definitions; ONNX Runtime's ContribOperators.md for the domain com.microsoft.
"""

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.site import Body, Site

_MICROSOFT = "com.microsoft"
_FLOAT = 1
_GROUP_SCALES = 18
"""The opset in which GroupNormalization scaled groups; since 21 it scales channels."""


def _axes(site: Site, x: int = 0) -> list[int]:
    rank = site.rank(x)
    return list(range(int(site.attribute("axis", -1)) % rank, rank))


def _scaled(site: Site, x: str, scale: str, bias: str, out: str) -> None:
    if not bias:
        site.write.op("Mul", x, scale, out=out)
        return
    site.write.op("Add", site.write.op("Mul", x, scale), bias, out=out)


def _normal(site: Site, x: str, axes: list[int], epsilon: float, *, centred: bool) -> tuple[str, str, str]:
    """Write x without its mean (where `centred`) over the root of its mean square; the mean and the inverse root."""
    write, dtype = site.write, site.dtype(0)
    mean = write.reduce("ReduceMean", x, axes) if centred else ""
    away = write.op("Sub", x, mean) if centred else x
    variance = write.reduce("ReduceMean", write.op("Mul", away, away), axes)
    root = write.op("Sqrt", write.op("Add", variance, write.scalar(epsilon, dtype)))
    return write.op("Div", away, root), mean, root


def _statistics(site: Site, mean: str, root: str, first: int) -> None:
    """The optional outputs behind the first: the mean, and the inverse of the standard deviation."""
    if site.out(first) and mean:
        site.write.op("Identity", mean, out=site.out(first))
    place = first + 1 if mean else first
    if site.out(place):
        site.write.op("Reciprocal", root, out=site.out(place))


def _computes_in(site: Site) -> None:
    """FP16 that is normalised in FP32 (`stash_type`) is not the same written out in FP16, which FP32 cannot tell."""
    if int(site.attribute("stash_type", _FLOAT)) != _FLOAT:
        raise EditError("it computes in another type than FP32 (stash_type)")


def _layer(site: Site) -> None:
    _computes_in(site)
    normal, mean, root = _normal(site, site.input(0), _axes(site), float(site.attribute("epsilon", 1e-5)), centred=True)
    _scaled(site, normal, site.input(1), site.input(2), site.out())
    _statistics(site, mean, root, 1)


def _root_mean_square(site: Site) -> None:
    _computes_in(site)
    epsilon = float(site.attribute("epsilon", 1e-5))
    normal, _, root = _normal(site, site.input(0), _axes(site), epsilon, centred=False)
    _scaled(site, normal, site.input(1), "", site.out())
    _statistics(site, "", root, 1)


def _skip(site: Site, scale: int, beta: int, bias: int, *, centred: bool) -> None:
    """The input plus what skipped a layer plus a bias, normalised over the last dimension; the sum is output 3."""
    total = site.write.op("Add", site.input(0), site.input(1), out="" if site.has(bias) else site.out(3))
    if site.has(bias):
        total = site.write.op("Add", total, site.input(bias), out=site.out(3))
    epsilon, axes = float(site.attribute("epsilon", 1e-12)), [site.rank(0) - 1]
    normal, mean, root = _normal(site, total, axes, epsilon, centred=centred)
    _scaled(site, normal, site.input(scale), site.input(beta) if beta else "", site.out())
    if site.out(1) and mean:
        site.write.op("Identity", mean, out=site.out(1))
    if site.out(2):
        site.write.op("Reciprocal", root, out=site.out(2))


def _skip_layer(site: Site) -> None:
    _skip(site, 2, 3, 4, centred=True)


def _skip_root_mean_square(site: Site) -> None:
    if site.out(1):
        raise EditError("it hands out a mean that it does not compute")
    _skip(site, 2, 0, 3, centred=False)


def _group(site: Site) -> None:
    """Channels in groups, each normalised over its channels and all places."""
    _computes_in(site)
    dims, groups = site.shape(0), int(site.attribute("num_groups", 1))
    channels, places = dims[1], dims[2:]
    if channels <= 0 or groups <= 0 or channels % groups:
        raise EditError("its channels do not fall into groups")
    folded = site.write.reshape(site.input(0), [0, groups, -1])
    normal, _, _ = _normal(site, folded, [2], float(site.attribute("epsilon", 1e-5)), centred=True)
    shape = site.write.op("Shape", site.input(0)) if min(dims) < 0 else site.write.ints(dims)
    back = site.write.op("Reshape", normal, shape)
    wide = [1, channels, *[1] * len(places)]
    scale, bias = (_per_channel(site, index, groups, channels, wide) for index in (1, 2))
    _scaled(site, back, scale, bias, site.out())


def _per_channel(site: Site, index: int, groups: int, channels: int, wide: list[int]) -> str:
    name, held = site.input(index), site.static(index)
    if held == (groups,) and groups != channels and site.write.opset < _GROUP_SCALES + 3:
        column = site.write.reshape(name, [groups, 1])
        name = site.write.op("Expand", column, site.write.ints([groups, channels // groups]))
    elif held != (channels,):
        raise EditError("its scale or bias has not one number for each channel")
    return site.write.reshape(name, wide)


BODIES: dict[tuple[str, str], Body] = {
    ("", "LayerNormalization"): _layer,
    ("", "RMSNormalization"): _root_mean_square,
    ("", "SimplifiedLayerNormalization"): _root_mean_square,
    ("", "GroupNormalization"): _group,
    (_MICROSOFT, "SkipLayerNormalization"): _skip_layer,
    (_MICROSOFT, "SkipSimplifiedLayerNormalization"): _skip_root_mean_square,
}
