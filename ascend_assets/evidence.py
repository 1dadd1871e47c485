"""A candidate's records, put in their places.

Here belongs sorting the records that Dagster hands over by name into what gates and dossier take. Not here: judging.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ascend_assets.gates import baseline
from ascend_assets.gates.judge_all import judge_candidate
from ascend_assets.gates.release import Evidence
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import (
    BenchmarkRecord,
    LintRecord,
    OmRecord,
    OnnxRecord,
    PrecisionRecord,
    Record,
    SourceRecord,
)
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from resources.ascend.toolchain import Profile

AnyKind = TypeVar("AnyKind", bound=Record)


@dataclass(frozen=True)
class Candidate:
    """All records of a complete candidate. `within`: the bundle in which it is deployed, if it is in one."""

    spec: ModelSpec
    source: SourceRecord
    onnx: OnnxRecord
    lint: LintRecord
    targets: dict[str, Evidence]
    within: str = ""

    def baselines(self, tools: Tools) -> dict[str, dict[str, Profile | None]]:
        """Target -> environment -> profile of the release that it is compared with."""
        return {
            name: baseline.profiles(tools.registry, tools.ledger, tools.blobs, self.spec, benchmark, within=self.within)
            for name, (_, _, benchmark) in self.targets.items()
        }

    def judge(self, tools: Tools) -> tuple[Verdict, ...]:
        """Every verdict, from the evidence alone."""
        return judge_candidate(
            self.spec, self.source, self.onnx, self.lint, self.targets, self.baselines(tools), lock=tools.lock.sha256
        )


def candidate(spec: ModelSpec, records: Mapping[str, Record], *, within: str = "") -> Candidate:
    """Put records in their places. Raises `TypeError` for a record that is of another stage than its name says."""
    return Candidate(
        spec=spec,
        source=_of(SourceRecord, records, "source"),
        onnx=_of(OnnxRecord, records, "onnx"),
        lint=_of(LintRecord, records, "lint"),
        targets={
            target.key: (
                _of(OmRecord, records, f"{target.key}__om"),
                _of(PrecisionRecord, records, f"{target.key}__precision"),
                _of(BenchmarkRecord, records, f"{target.key}__benchmark"),
            )
            for target in spec.targets
        },
        within=within,
    )


def _of(kind: type[AnyKind], records: Mapping[str, Record], name: str) -> AnyKind:
    record = records[name]
    if not isinstance(record, kind):
        raise TypeError(f"{name} holds a record of stage {record.stage!r}: make it again")
    return record
