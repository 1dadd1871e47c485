"""Continuous training in Dagster: `challenger`, the blocking check `beats_champion`, and the job `<model>_retrain`.

Here belong these three and what a reader of Dagster's UI sees of a challenger, thin over `challenger.py`. Not here:
when a retraining starts (`sensors/retraining.py`).
"""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from ascend_assets import beside, declared, graph, history
from ascend_assets.cluster import pods
from ascend_assets.codec import UnreadableRecord, read_record
from ascend_assets.declared import Parts
from ascend_assets.production.records import ProductionRecord
from ascend_assets.records import Record
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools, code_version
from ascend_assets.training import challenger, retraining
from ascend_assets.training.challenger import Attempt
from ascend_assets.training.compare import Judgement
from ascend_assets.training.limits import tolerance
from ascend_assets.training.records import ChallengerRecord
from resources.candidates import Candidate
from resources.digests import canonical_json, sha256_bytes
from resources.store.objects import StoreError

_CHECK = (
    "The challenger is better than the champion, and not only has the larger number: on production's held-out samples "
    "by an exact one-sided McNemar test, and on the model's own evaluation data it has forgotten nothing. It blocks."
)
_LOOK_BACK = 5
"""Challengers whose number is looked at: the newest has the highest, but may be unreadable."""


class ChallengerConfig(dg.Config):
    """Why the model is trained again."""

    why: str = retraining.BY_HAND


def definitions(spec: ModelSpec) -> Parts:
    """Asset, check and job of a model that is trained again; nothing for another."""
    if spec.retraining is None:
        return Parts()
    description = (
        f"Train {spec.name} on production's labelled samples as well, and carry what beats the champion to the first "
        "environment if every gate lets it pass."
    )
    job = beside.job_before_the_walk(spec, retraining.job_name(spec.name), retraining.key_of(spec.name), description)
    return Parts((_asset(spec),), (_check(spec),), (job,))


def _asset(spec: ModelSpec) -> declared.Asset:
    @beside.asset(
        spec,
        retraining.STAGE,
        ins={"production": dg.AssetIn([spec.name, "production"])},
        deps=[dg.AssetKey([spec.name, "drift"])],
        description="The model trained on production's labelled samples as well, set against the champion.",
        kinds={"python"},
    )
    def _challenger(
        context: dg.AssetExecutionContext, config: ChallengerConfig, production: Record
    ) -> Iterator[object]:
        tools = graph.tools_of(context.resources, context.log.info)
        begin = time.monotonic()
        if not isinstance(production, ProductionRecord):
            raise TypeError("production holds a record of another stage: make it again")
        attempt = Attempt(_number(context.instance, tools, spec), config.why)
        record = challenger.make(tools, _key(spec, production, attempt), attempt, spec=spec, production=production)
        shown = {
            history.CANDIDATE: str(Candidate.from_training(record.number, record.at)),
            "seconds": time.monotonic() - begin,
            **_shown(record, _judged(spec, record)),
        }
        yield beside.materialised(record, shown)

    return _challenger


def _check(spec: ModelSpec) -> declared.Check:
    asset = list(retraining.key_of(spec.name))

    @declared.check(
        asset=asset,
        name=retraining.CHECK,
        blocking=True,
        op_tags=pods.op_tags_of_judging(),
        description=_CHECK,
    )
    def _beats(record: Record) -> dg.AssetCheckResult:
        if not isinstance(record, ChallengerRecord):
            raise TypeError("challenger holds a record of another stage: make it again")
        judged = _judged(spec, record)
        return dg.AssetCheckResult(
            passed=bool(judged),
            severity=dg.AssetCheckSeverity.ERROR,
            description=judged.why,
            metadata=_shown(record, judged),
        )

    return _beats


def _judged(spec: ModelSpec, record: ChallengerRecord) -> Judgement:
    if spec.retraining is None:
        return Judgement(better=False, why="the model's file has no `retraining`")
    return record.judge(spec.retraining, tolerance(spec))


def _key(spec: ModelSpec, production: ProductionRecord, attempt: Attempt) -> str:
    identity = {
        "stage": retraining.STAGE,
        "options": spec.model_dump(mode="json"),
        "made_from": {"production": production.data_version},
        "number": attempt.number,
        "code": code_version(),
    }
    return sha256_bytes(canonical_json(identity))


def _number(instance: dg.DagsterInstance, tools: Tools, spec: ModelSpec) -> int:
    """One more than any training of the model that the event log or the registry knows: either may have been lost."""
    made = history.materialisations(instance, retraining.key_of(spec.name), limit=_LOOK_BACK)
    released = (Candidate.parse(release.candidate) for release in tools.registry.releases(spec.name))
    numbers = [int(named.reference) for named in released if named.kind == "ct"]
    return max([0, *numbers, *(_number_of(tools, one.record) for one in made)]) + 1


def _number_of(tools: Tools, digest: str) -> int:
    """The number of a challenger; 0 for what cannot be read."""
    try:
        record = read_record(tools.blobs, digest)
    except (StoreError, UnreadableRecord) as error:
        tools.say(f"not counted: {error}")
        return 0
    return record.number if isinstance(record, ChallengerRecord) else 0


def _shown(record: ChallengerRecord, judged: Judgement) -> dict[str, Any]:
    """Numbers that are plotted over challengers, and a few words."""
    shown: dict[str, Any] = {
        "better": bool(judged),
        "why": judged.why,
        "began for": record.why,
        "number": record.number,
        "labelled": record.rows.labelled,
        "trained on": record.rows.trained_on,
        "held out": record.rows.held_out,
        "training data": record.trained.sha256,
        "accuracy on held-out samples": record.accuracy,
        "champion": f"{record.champion.version} ({record.champion.where})" if record.champion else "none",
    }
    if record.production is not None and record.original is not None:
        shown |= {
            "champion's accuracy on held-out samples": record.production.champion,
            "p": record.production.p_value,
            "accuracy on evaluation data": record.original.challenger,
            "champion's accuracy on evaluation data": record.original.champion,
        }
    if record.interval is not None:
        shown["difference, 95 %"] = f"{record.interval[0]:+.4f} to {record.interval[1]:+.4f}"
    return shown | ({"notes": "; ".join(record.notes)} if record.notes else {})
