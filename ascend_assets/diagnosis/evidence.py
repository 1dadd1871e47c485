"""Which failures a case shows, and which nodes its evidence names: what separates a fact that hurt from one that is.

Here belongs reading verdicts, diagnostics and layers for that alone. Not here: facts of a family (`observers/`), or how
much a fact counts (`confidence.py`).
"""

import math
from dataclasses import dataclass

from ascend_assets.diagnosis.case import Case, Observation
from ascend_assets.diagnosis.rules import Concern
from ascend_assets.gates import conversion, performance, precision

_OF_MODEL = ("onnx_checker", "opset", "operators_registered", "dynamic_dims", "model_safety")
"""Lint criteria that judge the ONNX file, and not code or requirements."""
_CRITERIA: dict[Concern, frozenset[str]] = {
    "conversion": frozenset({*conversion.CRITERIA_NAMES, *_OF_MODEL}),
    "precision": frozenset(precision.CRITERIA_NAMES),
    "speed": frozenset(performance.CRITERIA_NAMES),
    "environment": frozenset(),
}
_READ_FROM_FAILURE = frozenset({"log", "layers", "verdicts", "profile", "environment"})
"""Evidence that is there because something was tried, unlike the graph and the options."""


@dataclass(frozen=True)
class Shown:
    """`failed`: what went wrong. `nodes`: failure -> the nodes that its evidence names."""

    failed: frozenset[Concern]
    nodes: dict[Concern, frozenset[str]]

    def names(self, observation: Observation, concern: Concern) -> bool:
        """Whether the failure's own evidence shows a fact: it was read there, or one of its nodes stands there."""
        if observation.from_ in _READ_FROM_FAILURE:
            return True
        return not self.nodes.get(concern, frozenset()).isdisjoint(observation.nodes)


def shown(case: Case) -> Shown:
    """What a case's verdicts, diagnostics and layers show."""
    errors = [item for item in case.diagnostics if not item.code.startswith("W")]
    refused = {verdict.criterion for verdict in case.refused}
    failed = {concern for concern, names in _CRITERIA.items() if names & refused}
    if errors:
        failed.add("conversion")
    if not case.verdicts and case.comparison is not None and case.comparison.first_bad_layer is not None:
        # Where gates have judged, a bad layer that harms no output is no failure.
        failed.add("precision")
    if case.environment:
        failed.add("environment")
    nodes: dict[Concern, frozenset[str]] = {
        "conversion": frozenset(node for item in errors for node in item.nodes),
        "precision": _bad_layers(case),
    }
    return Shown(frozenset(failed), nodes)


def _bad_layers(case: Case) -> frozenset[str]:
    """The first bad layer, and every layer that overflows or whose own result is no number."""
    if case.comparison is None:
        return frozenset()
    first = case.comparison.first_bad_layer
    wrong = {layer.node for layer in case.comparison.layers if layer.overflow or math.isnan(layer.local_error)}
    return frozenset(wrong | ({first.node} if first else set()))
