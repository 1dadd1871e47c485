"""Attention and rotary embeddings of opset 23, written out for known heads; batch and sequence may be open.

Source: ONNX's definitions of Attention and RotaryEmbedding. What they allow and this does not (growing caches, the
inner product as an output) is refused.
"""

import math
from dataclasses import dataclass

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.site import Body, Site

_HIDDEN = -10_000.0
"""Added to scores that do not count: exp of it is 0 in FP32, and FP16 holds it."""
_BOOL = 9
_FOLDED, _HEADS = 3, 4
"""Ranks: [batch, sequence, heads * size] and [batch, heads, sequence, size]."""


@dataclass(frozen=True)
class _Heads:
    """One of the three inputs as [batch, heads, sequence, size]; `sequence` is -1 where it is open."""

    name: str
    heads: int
    sequence: int
    size: int


def _heads(site: Site, index: int, attribute: str) -> _Heads:
    dims = site.shape(index)
    if len(dims) == _HEADS and dims[1] > 0 and dims[3] > 0:
        return _Heads(site.input(index), dims[1], dims[2], dims[3])
    heads = int(site.attribute(attribute, 0))
    if len(dims) != _FOLDED or heads <= 0 or dims[2] <= 0 or dims[2] % heads:
        raise EditError("its heads cannot be told apart")
    size = dims[2] // heads
    apart = site.write.reshape(site.input(index), [0, 0, heads, size])
    return _Heads(site.write.op("Transpose", apart, perm=[0, 2, 1, 3]), heads, dims[1], size)


def _repeated(site: Site, part: _Heads, heads: int) -> str:
    """Keys and values once for each head of the queries that share them."""
    if part.heads == heads:
        return part.name
    if heads % part.heads:
        raise EditError("its heads cannot be shared out")
    wide = [1, 1, heads // part.heads, 1, 1]
    spread = site.write.op("Expand", site.write.unsqueeze(part.name, [2]), site.write.ints(wide))
    return site.write.reshape(spread, [0, heads, -1, part.size])


def _refuse(site: Site) -> None:
    if site.has(4) or site.has(5) or site.has(6) or any(site.node.output[1:3]):
        raise EditError("it keeps keys and values of earlier steps, which is not written out here")
    if any(site.node.output[3:]):
        raise EditError("it hands out its scores, which is not written out here")
    windows = [int(site.attribute(name, -1)) for name in ("left_window_size", "right_window_size")]
    if any(window != -1 for window in windows):
        raise EditError("it looks through a window, which is not written out here")


def _masked(site: Site, scores: str, query: _Heads, key: _Heads) -> str:
    import numpy as np

    dtype = site.dtype(0)
    if site.attribute("is_causal", 0):
        if min(query.sequence, key.sequence) < 0:
            raise EditError("it hides what comes later in a sequence whose length is open: fix the input shapes")
        bias = np.where(np.tri(query.sequence, key.sequence, dtype=bool), 0.0, _HIDDEN)
        scores = site.write.op("Add", scores, _typed(site, bias, dtype))
    if not site.has(3):
        return scores
    mask = site.input(3)
    if site.shape(3)[-1] != key.sequence:
        raise EditError("its mask is shorter than the sequence")
    if site.dtype(3) == _BOOL:
        mask = site.write.op("Where", mask, site.write.scalar(0.0, dtype), site.write.scalar(_HIDDEN, dtype))
    return site.write.op("Add", scores, mask)


def _typed(site: Site, values: "object", dtype: int) -> str:
    import numpy as np
    from onnx import helper

    return site.write.constant(np.asarray(values).astype(helper.tensor_dtype_to_np_dtype(dtype)))


def _attention(site: Site) -> None:
    _refuse(site)
    write, dtype = site.write, site.dtype(0)
    query = _heads(site, 0, "q_num_heads")
    key, value = _heads(site, 1, "kv_num_heads"), _heads(site, 2, "kv_num_heads")
    # The scale is applied to the queries, before a product that may leave FP16's range.
    scale = float(site.attribute("scale", 0.0)) or 1 / math.sqrt(query.size)
    scaled = write.op("Mul", query.name, write.scalar(scale, dtype))
    turned = write.op("Transpose", _repeated(site, key, query.heads), perm=[0, 1, 3, 2])
    scores = write.op("MatMul", scaled, turned)
    cap = float(site.attribute("softcap", 0.0))
    if cap:
        bent = write.op("Tanh", write.op("Mul", scores, write.scalar(1 / cap, dtype)))
        scores = write.op("Mul", bent, write.scalar(cap, dtype))
    shares = write.op("Softmax", _masked(site, scores, query, key), axis=_HEADS - 1)
    values = _repeated(site, value, query.heads)
    if site.rank(0) == _HEADS:
        write.op("MatMul", shares, values, out=site.out())
        return
    back = write.op("Transpose", write.op("MatMul", shares, values), perm=[0, 2, 1, 3])
    write.reshape(back, [0, 0, query.heads * value.size], out=site.out())


def _caches(site: Site, size: int) -> tuple[str, str]:
    """Cosines and sines as [batch, sequence, 1, rotated / 2]."""
    parts = []
    for index in (1, 2):
        name = site.input(index)
        name = site.write.op("Gather", name, site.input(3), axis=0) if site.has(3) else name
        if site.shape(index)[-1] != size:
            raise EditError("its tables of cosines are wider than what they rotate")
        parts.append(site.write.unsqueeze(name, [2]))
    return parts[0], parts[1]


def _rotary(site: Site) -> None:
    write, dims = site.write, site.shape(0)
    folded = len(dims) == _FOLDED
    heads = int(site.attribute("num_heads", 0)) if folded else 1
    if heads <= 0 or dims[-1] <= 0 or (folded and dims[2] % heads):
        raise EditError("its heads cannot be told apart")
    size = dims[-1] // heads
    if folded:
        x = write.reshape(site.input(0), [0, 0, heads, size])
    else:
        x = write.op("Transpose", site.input(0), perm=[0, 2, 1, 3])
    rotated = int(site.attribute("rotary_embedding_dim", 0)) or size
    kept = ""
    if rotated < size:
        x, kept = write.split(x, [rotated, size - rotated], 3)
    turned = _turned(site, x, rotated // 2)
    whole = write.op("Concat", turned, kept, axis=3) if kept else turned
    if folded:
        write.reshape(whole, [0, 0, dims[2]], out=site.out())
    else:
        write.op("Transpose", whole, out=site.out(), perm=[0, 2, 1, 3])


def _turned(site: Site, x: str, half: int) -> str:
    write = site.write
    cosines, sines = _caches(site, half)
    paired = bool(site.attribute("interleaved", 0))
    if paired:
        # Neighbours are a pair: [..., half, 2] is cut along the last dimension.
        first, second = write.split(write.reshape(x, [0, 0, 0, half, 2]), [1, 1], 4)
        first, second = (write.squeeze(part, [4]) for part in (first, second))
    else:
        first, second = write.split(x, [half, half], 3)
    real = write.op("Sub", write.op("Mul", cosines, first), write.op("Mul", sines, second))
    other = write.op("Add", write.op("Mul", sines, first), write.op("Mul", cosines, second))
    if not paired:
        return write.op("Concat", real, other, axis=3)
    pairs = write.op("Concat", write.unsqueeze(real, [4]), write.unsqueeze(other, [4]), axis=4)
    return write.reshape(pairs, [0, 0, 0, 2 * half])


BODIES: dict[tuple[str, str], Body] = {
    ("", "Attention"): _attention,
    ("", "RotaryEmbedding"): _rotary,
}
