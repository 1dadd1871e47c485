"""Every criterion: what it means, its unit and sense, and its default limit per environment with the limit's source.

Here belongs the table alone. Not here: how a value is found or judged.
"""

from ascend_assets.gates.verdict import Criterion


def _same(limit: float) -> dict[str, float]:
    return {"dev": limit, "staging": limit, "prod": limit}


_ALL: tuple[Criterion, ...] = (
    Criterion(
        "opset", ">=", "opset", "ONNX operator set of the default domain.", "Compliance stage of the mission.", _same(11)
    ),
)

CRITERIA: dict[str, Criterion] = {c.name: c for c in _ALL}
