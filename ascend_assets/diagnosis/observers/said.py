"""What a compiler said, for observers: errors by code, and an observation made of one message.

Not here: what any message means for a family (the other modules), or reading a log (`diagnosis/log.py`).
"""

from collections.abc import Iterator, Mapping

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import Remedy
from resources.ascend.cann.compiling.mentions import mention
from resources.ascend.toolchain import Diagnostic

SAID = ("code", "said")
"""Values of every observation that was read from a message."""


def errors(case: Case, *codes: str) -> Iterator[Diagnostic]:
    """What was refused, with one of the codes; everything that was refused if none is named."""
    return (item for item in case.diagnostics if not item.code.startswith("W") and (not codes or item.code in codes))


def warnings(case: Case, *codes: str) -> Iterator[Diagnostic]:
    """Warnings with one of the codes."""
    return (item for item in case.diagnostics if item.code.startswith("W") and item.code in codes)


def _without_name(item: Diagnostic) -> str:
    """The message without its operator's name: the same for all operators that it is printed for."""
    name = mention(item.message).node
    return plain(item.message.replace(name, "", 1) if name else item.message)


def fact(
    kind: str,
    item: Diagnostic,
    *,
    says: str = "",
    nodes: tuple[str, ...] | None = None,
    remedies: Mapping[str, Remedy] | None = None,
    values: Mapping[str, Value] | None = None,
) -> Observation:
    """An observation read from a message: about its nodes, in its words, where nothing else is given."""
    said = plain(item.message)
    return Observation(
        kind=kind,
        says=says or f"{item.code}: {said}",
        nodes=item.nodes if nodes is None else nodes,
        values={"code": item.code, "said": said, "about": _without_name(item), **(values or {})},
        remedies=remedies or {},
        from_="log",
    )
