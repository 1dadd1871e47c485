"""An operator that is taken over into another opset as it stands, where that opset's schema takes it.

Here belongs what a schema says by itself: attributes, their defaults, counts of inputs and outputs, types. Not here:
operators whose meaning changed under the same words (`meaning.py`).
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.site import Site
from resources.onnx_files.structure import dtype_name, shown

if TYPE_CHECKING:
    from onnx import AttributeProto
    from onnx.defs import OpSchema

_NEUTRAL = frozenset({"dilations"})
"""Attributes without a default that change nothing where all of their numbers are 1."""

_NEW_WORDS: dict[tuple[str, int, str], frozenset[str]] = {
    ("Resize", 19, "coordinate_transformation_mode"): frozenset({"half_pixel_symmetric"}),
    ("Pad", 19, "mode"): frozenset({"wrap"}),
    ("ScatterElements", 18, "reduction"): frozenset({"min", "max"}),
    ("ScatterND", 18, "reduction"): frozenset({"min", "max"}),
}
"""Words that an attribute takes since an opset: ONNX's change log; schemas do not list them."""


@lru_cache(maxsize=4096)
def schema(op: str, opset: int) -> "OpSchema | None":
    """The schema of an operator of the default domain in an opset; None where it has none or is deprecated."""
    from onnx import defs

    try:
        found = defs.get_schema(op, opset, "")
    except defs.SchemaError:
        return None
    return None if found.deprecated else found


def restamp(site: Site, before: "OpSchema", after: "OpSchema", changed: int) -> None:
    """Write the node for `after`; `changed` is the opset of the change. Raises `EditError` with what stands against."""
    attributes = list(_attributes(site, before, after, changed))
    inputs, outputs = _stripped(list(site.node.input)), _stripped(list(site.node.output))
    if not after.min_input <= len(inputs) <= after.max_input:
        raise EditError(f"it has {len(inputs)} inputs, and may have {after.min_input} to {after.max_input}")
    if len(outputs) > after.max_output:
        raise EditError(f"it has {len(outputs)} outputs, and may have {after.max_output}")
    _typed(site, after, inputs, outputs)
    site.write.keep(site.node, inputs, outputs, attributes)


def _stripped(names: list[str]) -> list[str]:
    while names and not names[-1]:
        names.pop()
    return names


def _default(entry: "OpSchema.Attribute | None") -> Any:  # noqa: ANN401 (ONNX's attributes)
    from onnx import helper

    if entry is None or not entry.default_value.name:
        return None
    return helper.get_attribute_value(entry.default_value)


def _attributes(site: Site, before: "OpSchema", after: "OpSchema", changed: int) -> "Iterator[AttributeProto]":
    from onnx import helper

    given = {entry.name: entry for entry in site.node.attribute}
    for name, entry in given.items():
        value = helper.get_attribute_value(entry)
        if name in after.attributes:
            words = _NEW_WORDS.get((site.node.op_type, changed, name), frozenset())
            if isinstance(value, bytes) and value.decode("utf-8", "replace") in words:
                raise EditError(f"its {name} is {shown(site.attribute(name))}, which opset {changed} brought")
            yield entry
        elif not _idle(name, value, _default(before.attributes.get(name))):
            raise EditError(f"it has the attribute {shown(name)}, which opset {changed} brought")
    for name, stated in before.attributes.items():
        # A default that is another one over there is written down.
        default = _default(stated)
        if name not in given and name in after.attributes and default is not None:
            there = after.attributes[name]
            if _default(there) != default:
                yield stated.default_value


def _idle(name: str, value: Any, default: Any) -> bool:  # noqa: ANN401 (ONNX's attributes)
    if name in _NEUTRAL and default is None:
        return all(item == 1 for item in value)
    return bool(default is not None and value == default)


def _typed(site: Site, after: "OpSchema", inputs: list[str], outputs: list[str]) -> None:
    """Every known type is one that the schema allows there."""
    allowed = {entry.type_param_str: set(entry.allowed_type_strs) for entry in after.type_constraints}
    for names, formals in ((inputs, after.inputs), (outputs, after.outputs)):
        for index, name in enumerate(names):
            if not formals:
                continue
            formal = formals[min(index, len(formals) - 1)]
            dtype = dtype_name(site.facts.dtype(name)) if name else None
            if dtype is None or formal.type_str not in allowed:
                continue
            if f"tensor({dtype.lower()})" not in allowed[formal.type_str]:
                raise EditError(f"it takes no {dtype} in that opset")
