"""The check `current` on every compiled model: did the toolchain that is in force here compile it?

Here belong the check's definition, its evaluations, and reading from Dagster's records what each om asset holds. It
blocks nothing: an `.om` of yesterday's CANN runs today, and a person decides when to build it again. Judged by the
toolchain of the machine that asks. Not here: the judgement (`operations/stale.py`), or when it is asked
(`sensors/toolchain_changed.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)

from ascend_assets import declared, graph, history
from ascend_assets.cluster import pods
from ascend_assets.codec import UnreadableRecord, read_record
from ascend_assets.operations import stale
from ascend_assets.operations.stale import CANDIDATE, Compiled, Freshness
from ascend_assets.records import OmRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import AssetKey, Tools
from ascend_assets.walk import key_of
from resources.ascend.toolchain import ToolchainIdentity
from resources.store.objects import StoreError

NAME = "current"
STAGE = "om"
_MEANING = (
    "The toolchain in force compiled it. After an upgrade of CANN it is not met until a new candidate is built: "
    "`ascend stale` lists all, `ascend stale --rebuild` builds them. It blocks nothing."
)


@dataclass(frozen=True)
class Held:
    """What an om asset holds: the materialisation, and what was compiled, or why nobody can read it."""

    made: history.Made
    compiled: Compiled | None
    trouble: str = ""

    def mark(self, now: ToolchainIdentity) -> str:
        """What a judgement of this by that toolchain is about."""
        return stale.mark(self.made.record, now)


def is_om(asset: AssetKey) -> bool:
    """Whether an asset is a compiled model."""
    return len(asset) == len(("model", "target", STAGE)) and asset[-1] == STAGE


def build_checks(spec: ModelSpec) -> list[declared.Check]:
    """One check per target, which a candidate's run evaluates, and anybody may again."""
    return [_check(spec, key_of(spec, STAGE, target.key)) for target in spec.targets]


def newest(instance: dg.DagsterInstance, asset: AssetKey) -> history.Made | None:
    """The newest materialisation of an om asset that holds a record of ours."""
    return next(iter(history.materialisations(instance, asset, limit=1)), None)


def held(tools: Tools, asset: AssetKey, made: history.Made) -> Held:
    """What that materialisation made, from its record."""
    try:
        record = read_record(tools.blobs, made.record)
    except (StoreError, UnreadableRecord) as error:
        return Held(made, None, str(error))
    if not isinstance(record, OmRecord):
        return Held(made, None, f"its record is one of {record.stage}")
    model, target, _ = asset
    return Held(made, Compiled(model, target, CANDIDATE, made.candidate, record.info.toolchain))


def candidates(instance: dg.DagsterInstance, tools: Tools, specs: Iterable[ModelSpec]) -> stale.Live:
    """The compiled models of every model's candidate at hand."""
    found: list[Compiled] = []
    troubles: list[str] = []
    for spec in specs:
        for target in spec.targets:
            asset = key_of(spec, STAGE, target.key)
            made = newest(instance, asset)
            one = held(tools, asset, made) if made else None
            if one is not None and one.compiled is not None:
                found.append(one.compiled)
            elif one is not None:
                troubles.append(f"{'/'.join(asset)}: {one.trouble}")
    return stale.Live(tuple(found), tuple(troubles))


def everything(
    instance: dg.DagsterInstance, tools: Tools, specs: Iterable[ModelSpec], names: Iterable[str]
) -> tuple[tuple[Freshness, ...], tuple[str, ...]]:
    """All compiled models judged: candidates' of `specs`, and what is live of `names`; and what could not be read."""
    parts = (candidates(instance, tools, specs), stale.live(tools, names))
    now = tools.toolchain.describe()
    judged = stale.matrix((one for part in parts for one in part.compiled), now)
    return judged, tuple(trouble for part in parts for trouble in part.troubles)


def evaluation(asset: AssetKey, one: Held, now: ToolchainIdentity) -> dg.AssetCheckEvaluation:
    """A judgement outside the check's own step."""
    made = one.made
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(list(asset)),
        check_name=NAME,
        target_materialization_data=Target(storage_id=made.storage_id, run_id=made.run_id, timestamp=made.timestamp),
        blocking=False,
        **_answer(one, now),
    )


def _check(spec: ModelSpec, asset: AssetKey) -> declared.Check:
    @declared.check(
        asset=list(asset),
        name=NAME,
        description=_MEANING,
        blocking=False,
        required_resource_keys=set(graph.RESOURCES),
        # Beside the CANN that compiles: it is in force there, and not where the checks of evidence run.
        op_tags=pods.op_tags_of_judging(spec),
    )
    def _judge(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        tools = graph.tools_of(context.resources)
        made = newest(context.instance, asset)
        if made is None:
            return dg.AssetCheckResult(
                passed=False, severity=dg.AssetCheckSeverity.WARN, description="nothing was compiled yet"
            )
        return dg.AssetCheckResult(**_answer(held(tools, asset, made), tools.toolchain.describe()))

    return _judge


def _answer(one: Held, now: ToolchainIdentity) -> dict[str, Any]:
    judged = stale.judge(one.compiled, now) if one.compiled else None
    why = judged.why if judged is not None else f"nobody can say what compiled it: {one.trouble}"
    return {
        "passed": bool(judged),
        "severity": dg.AssetCheckSeverity.WARN,
        "description": why,
        "metadata": {
            history.MARK: dg.MetadataValue.text(one.mark(now)),
            history.CANDIDATE: one.made.candidate,
            "state": judged.state if judged is not None else "unknown",
            **_toolchains(judged, now),
        },
    }


def _toolchains(judged: Freshness | None, now: ToolchainIdentity) -> dict[str, str]:
    before = {"compiled by": judged.compiled.toolchain.version} if judged is not None else {}
    return {**before, "in force": now.version}
