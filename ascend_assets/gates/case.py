"""One artefact before the gates: what is judged, on which evidence, by whose limits.

Here belongs binding a criterion's name to its definition and the limits in force. Not here: the defaults
(`criteria.py`), the comparison (`verdict.py`), or how a value is found (the concern's own module).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ascend_assets.environments import EvidenceOrigin
from ascend_assets.gates import verdict
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import Verdict, default_limits


class Policy(Protocol):
    """Whatever knows a criterion's limit per environment. `ascend_assets.spec.ModelSpec` is one."""

    def limits(self, criterion: str) -> Mapping[str, float]:
        """Environment name -> bound."""
        ...


class DefaultPolicy:
    """The criteria's own limits, for a file that belongs to no model."""

    def limits(self, criterion: str) -> Mapping[str, float]:
        """The defaults of the table. Raises `KeyError` for an unknown criterion."""
        return default_limits(CRITERIA[criterion])


DEFAULTS: Policy = DefaultPolicy()


@dataclass(frozen=True)
class Case:
    """An artefact to be judged. `subject`: its sha256; `target`: empty for what concerns the model as a whole."""

    policy: Policy
    origin: EvidenceOrigin
    subject: str
    target: str = ""

    def judge(self, name: str, value: float, why: str) -> Verdict:
        """Judge a value by the named criterion. Raises `KeyError` for an unknown one."""
        return verdict.judge(
            CRITERIA[name],
            value,
            why=why,
            origin=self.origin,
            subject=self.subject,
            target=self.target,
            limits=self._limits(name),
        )

    def judge_each(self, name: str, values: Mapping[str, float], why: str) -> Verdict:
        """Judge one value per environment; an environment without one has not judged it."""
        return verdict.judge_each(
            CRITERIA[name],
            values,
            why=why,
            origin=self.origin,
            subject=self.subject,
            target=self.target,
            limits=self._limits(name),
        )

    def not_judged(self, name: str, why: str) -> Verdict:
        """Say that nobody could judge the named criterion, and why."""
        return verdict.not_judged(
            CRITERIA[name],
            why=why,
            subject=self.subject,
            origin=self.origin,
            target=self.target,
            limits=self._limits(name),
        )

    def _limits(self, name: str) -> Mapping[str, float]:
        definition = CRITERIA[name]
        return self.policy.limits(name) if definition.negotiable else default_limits(definition)
