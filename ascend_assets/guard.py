"""The last gate, inside `release` itself, because a blocking check guards only its own run.

Here belongs comparing what the event log says of a model with the dossier that asks to be released: every record the
newest, every check evaluated on it and passed. It is the third layer; `assets/release.py` judges the evidence once more
and believes no stored check at all.
"""

from collections.abc import Mapping

from dagster import DagsterInstance

from ascend_assets import history
from ascend_assets.checks import check_keys
from ascend_assets.records import Record
from ascend_assets.spec import ModelSpec
from ascend_assets.walk import stages


class NotReleasable(Exception):
    """A candidate whose gates are failed, stale or were never evaluated. The message lists every reason."""


def require(instance: DagsterInstance, spec: ModelSpec, records: Mapping[str, Record]) -> None:
    """Raise `NotReleasable` unless every asset holds exactly the records given and all its checks let them pass."""
    reasons = refusals(instance, spec, records)
    if reasons:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        raise NotReleasable(
            f"{spec.name} cannot be released:\n{listed}\nRun the whole candidate: ascend run {spec.name}"
        )


def refusals(instance: DagsterInstance, spec: ModelSpec, records: Mapping[str, Record]) -> tuple[str, ...]:
    """Every reason against a release; none means that it may be published."""
    by_asset = {stage.asset: stage for stage in stages(spec)}
    held = {asset: history.latest(instance, asset) for asset in by_asset}
    reasons = []
    for name, record in records.items():
        asset = (spec.name, *name.split("__"))
        made = held[asset]
        if made is None or made.record != record.digest:
            reasons.append(f"{'/'.join(asset)} was made again meanwhile: the candidate is a mixture")
    for asset, criterion in check_keys(spec):
        made = held[asset]
        checked = history.check(instance, asset, criterion)
        check = f"check {criterion} on {'/'.join(asset)}"
        if checked is None:
            reasons.append(f"{check} was never evaluated")
        elif checked.blocks:
            reasons.append(f"{check} failed: {checked.why}")
        elif made is None or checked.about != made.storage_id:
            reasons.append(f"{check} is stale: it judged an earlier artefact")
    return tuple(reasons)
