"""Every gate over one candidate's evidence: what the dossier shows, and what `release` believes.

Here belongs the order of the gates alone. Nothing that was judged earlier is read: whoever calls this trusts the
evidence, bound by digests, and no stored verdict.
"""

from collections.abc import Iterator, Mapping

from ascend_assets.gates import conversion, lint, performance, precision, release
from ascend_assets.gates.release import Evidence
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import LintRecord, OnnxRecord, SourceRecord
from ascend_assets.spec import ModelSpec
from resources.ascend.toolchain import Profile

Baselines = Mapping[str, Mapping[str, Profile | None]]
"""Target -> environment -> profile of the release now there, or None."""


def judge_candidate(
    spec: ModelSpec,
    source: SourceRecord,
    onnx: OnnxRecord,
    lint_record: LintRecord,
    targets: Mapping[str, Evidence],
    baselines: Baselines,
    *,
    lock: str,
) -> tuple[Verdict, ...]:
    """All verdicts on a complete candidate, in the order of its walk. `lock`: sha256 of the pipeline's lock file."""
    return (
        *lint.judge(lint_record, spec),
        *_targets(spec, targets, baselines),
        *release.judge(spec, source, onnx, lint_record, targets, lock=lock),
    )


def _targets(spec: ModelSpec, targets: Mapping[str, Evidence], baselines: Baselines) -> Iterator[Verdict]:
    for name, (om, precise, benchmark) in targets.items():
        yield from conversion.judge(om, spec)
        yield from precision.judge(precise, spec)
        yield from performance.judge(benchmark, spec, baselines.get(name, {}))
