"""Proposed options beside ATC's defaults: the same file judged with both.

Here belongs putting the two next to each other. Not here: proposing (`options.py`), judging (`preflight.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ascend_assets import preflight
from ascend_assets.copilot.options import Proposal, propose
from ascend_assets.diagnosis.case import Case
from ascend_assets.preflight import Preflight
from resources import onnx_files
from resources.ascend.options import CompileOptions
from resources.ascend.spelling import command

if TYPE_CHECKING:
    from resources.copilot.client import Copilot


@dataclass(frozen=True)
class Judged:
    """What was proposed, and what the gates say before and with it. `after` is None where nothing changed."""

    proposal: Proposal
    before: Preflight
    after: Preflight | None

    def as_json(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "options": self.proposal.options.model_dump(mode="json", exclude_defaults=True),
            "changed": list(self.proposal.changed),
            "why": self.proposal.why.model_dump(),
            "dropped": dict(self.proposal.dropped),
            "origin": "emulated",
            "before": _judgement(self.before),
            "after": _judgement(self.after) if self.after else None,
        }

    def lines(self) -> list[str]:
        """For a person."""
        dropped = [f"dropped: {why} ({count})" for why, count in self.proposal.dropped.items()]
        before = f"with ATC's defaults: {_words(self.before)}"
        if self.after is None:
            return ["nothing is proposed that differs from ATC's defaults", *dropped, before]
        return [
            f"proposed by a language model: {', '.join(self.proposal.changed)}",
            *(f"why, in its words: {one}" for one in (self.proposal.why.en, self.proposal.why.zh) if one),
            *dropped,
            before,
            f"as proposed: {_words(self.after)}",
            " ".join(command(self.proposal.options, self.before.path.name, "model")),
            "emulated on this machine's CPU; a proposal for a person to take or leave",
        ]


def options(copilot: "Copilot", path: Path, base: CompileOptions, say: Callable[[str], None]) -> Judged:
    """Judge, ask, judge again. Raises a `CopilotError`, `NotUsable`, `OnnxFileError`, `OSError`."""
    before = preflight.run(path, base, say=say)
    case = Case(
        options=before.options,
        model=onnx_files.load(path),
        verdicts=before.verdicts,
        comparison=before.comparison,
        profile=before.profile,
    )
    say("asking the copilot")
    proposal = propose(copilot, case)
    after = preflight.run(path, proposal.options, say=say) if proposal.changed else None
    return Judged(proposal, before, after)


def _judgement(found: Preflight) -> dict[str, Any]:
    return {
        "admissible_in_dev": bool(found),
        "refused": [verdict.criterion for verdict in found.verdicts if not verdict],
        "latency_ms": found.profile.latency_ms.p50 if found.profile else None,
    }


def _words(found: Preflight) -> str:
    refused = ", ".join(verdict.criterion for verdict in found.verdicts if not verdict)
    speed = f", {found.profile.latency_ms.p50:.3g} ms" if found.profile else ""
    return f"{f'refused: {refused}' if refused else 'admissible in dev'}{speed}"
