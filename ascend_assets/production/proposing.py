"""The record of proposed limits: earlier looks found, proposals drawn, and the patch kept as an artefact.

Here belongs what touches Dagster's history, the model's file and the store. Not here: which limit is proposed
(`proposals.py`).
"""

from datetime import timedelta

import dagster as dg

from ascend_assets import history
from ascend_assets.assets.freezing import FOLDER, in_repository
from ascend_assets.codec import UnreadableRecord, read_record
from ascend_assets.models import FILE_NAME
from ascend_assets.production import proposals
from ascend_assets.production.records import MetricsRecord, ProposedLimitsRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import AssetKey, Tools, code_version
from resources.digests import canonical_json, sha256_bytes
from resources.store.blobs import StoreError

_OLDEST = timedelta(days=14)


def looks(instance: dg.DagsterInstance, tools: Tools, asset: AssetKey, newest: MetricsRecord) -> list[MetricsRecord]:
    """The latest looks of two weeks, this run's among them. One that cannot be read counts for nothing."""
    found = {newest.digest: newest}
    for made in history.materialisations(instance, asset, limit=proposals.MOST_LOOKS):
        if newest.at.timestamp() - made.timestamp > _OLDEST.total_seconds():
            break
        try:
            record = read_record(tools.blobs, made.record)
        except (StoreError, UnreadableRecord) as error:
            tools.say(f"a look left out: {error}")
            continue
        if isinstance(record, MetricsRecord):
            found[record.digest] = record
    return list(found.values())


def make(tools: Tools, spec: ModelSpec, metrics: MetricsRecord, seen: list[MetricsRecord]) -> ProposedLimitsRecord:
    """The record. Nothing is changed: the patch is for a person to merge."""
    found = proposals.propose(spec, metrics.environment, seen)
    file = tools.repository / FOLDER / spec.name / FILE_NAME
    patch = proposals.patch_of(spec, file, in_repository(tools.repository, file), found.proposals)
    artefact = tools.blobs.put_bytes(patch.diff.encode(), f"{spec.name}-limits.patch") if patch.diff else None
    identity = {"stage": "proposed_limits", "looks": sorted(one.digest for one in seen), "code": code_version()}
    return ProposedLimitsRecord(
        key=sha256_bytes(canonical_json({**identity, "gates": spec.model_dump(mode="json")["gates"]})),
        made_from={"metrics": metrics.data_version},
        environment=metrics.environment,
        proposals=found.proposals,
        looks=found.looks,
        notes=(*found.notes, *([patch.why_not] if patch.why_not else [])),
        diff=patch.diff,
        patch=artefact,
    )
