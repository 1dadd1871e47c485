"""The last gate, inside `release` itself, because a blocking check guards only its own run; and one before deploying.

Here belongs comparing what the event log says of a model with the dossier that asks to be released: every record the
newest, every check evaluated on it and passed, and all of it said by runs. Whoever reaches Dagster's webserver can
report materialisations and evaluations; those belong to no run. It is the third layer; `assets/release.py` judges the
evidence once more and believes no stored check at all. Before a deployment: that a run that was begun anew after a
crash comes not too late.
"""

from dagster import DagsterInstance, DagsterRun
from dagster._core.storage.tags import RETRY_NUMBER_TAG, ROOT_RUN_ID_TAG

from ascend_assets import history
from ascend_assets.checks import check_keys
from ascend_assets.records import DossierRecord, Record
from ascend_assets.repair import repairing
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import AssetKey
from ascend_assets.walk import key_of, stages
from resources.registry.ledger import Ledger

_REPORTED = "last reported from outside, by no run: anybody who reaches Dagster's webserver can do that"


class NotReleasable(Exception):
    """A candidate whose gates are failed, stale or were never evaluated. The message lists every reason."""


def require(instance: DagsterInstance, spec: ModelSpec, dossier: Record) -> None:
    """Raise `NotReleasable` unless every asset holds what the dossier is about and all its checks let it pass."""
    reasons = refusals(instance, spec, dossier)
    if reasons:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        raise NotReleasable(
            f"{spec.name} cannot be released:\n{listed}\nRun the whole candidate: ascend run {spec.name}"
        )


def overtaken(instance: DagsterInstance, run: DagsterRun, ledger: Ledger, deployment: AssetKey, release: Record) -> str:
    """Why a release is not deployed: what is live was deployed after its candidate was first begun, and failed.

    Empty where it is deployed. Candidates of a model are built in order; one that crashed is begun anew behind those
    that came after it, and one that was refused is repaired behind them.
    """
    crashed = run.tags.get(ROOT_RUN_ID_TAG, "") if RETRY_NUMBER_TAG in run.tags else ""
    refused = run.tags.get(repairing.OF_TAG, "")
    if not (refused or crashed):
        return ""
    first = instance.get_run_stats(refused or crashed)
    # One that was cut off while it started has no start. When it was asked for says nothing: it waited for others.
    began = first.start_time or first.launch_time
    if began is None:
        return ""
    model, environment, _ = deployment
    live = ledger.live(environment, model)
    if live is None or live.release_digest == release.data_version or live.at.timestamp() < began:
        return ""
    return (
        f"{model} {live.version} was deployed to {environment} after this candidate's first attempt began, which "
        f"{'was refused' if refused else 'crashed'}: it stays. This one is released; if it should be there: "
        f"ascend promote {model} --to {environment} --version VERSION"
    )


def refusals(instance: DagsterInstance, spec: ModelSpec, dossier: Record) -> tuple[str, ...]:
    """Every reason against a release; none means that it may be published."""
    held = {stage.asset: history.latest(instance, stage.asset) for stage in stages(spec)}
    reasons = []
    for asset, digest in _expected(spec, dossier).items():
        made, newest = held[asset], history.newest(instance, asset)
        if newest is not None and not newest.run_id:
            reasons.append(f"{'/'.join(asset)} was {_REPORTED}")
        elif made is None or made.record != digest:
            reasons.append(f"{'/'.join(asset)} was made again after the dossier: the candidate is a mixture")
    for asset, criterion in check_keys(spec):
        made = held[asset]
        checked = history.check(instance, asset, criterion)
        check = f"check {criterion} on {'/'.join(asset)}"
        if checked is None:
            reasons.append(f"{check} was never evaluated")
        elif not checked.run_id:
            reasons.append(f"{check} was {_REPORTED}")
        elif checked.blocks:
            reasons.append(f"{check} failed: {checked.why}")
        elif made is None or checked.about != made.storage_id:
            reasons.append(f"{check} is stale: it judged an earlier artefact")
    return tuple(reasons)


def _expected(spec: ModelSpec, dossier: Record) -> dict[AssetKey, str]:
    """Asset -> digest of the record that it must hold. An asset that the dossier leaves out must hold nothing."""
    if not isinstance(dossier, DossierRecord):
        raise TypeError("dossier holds a record of another stage: make it again")
    judged = {stage.asset for stage in stages(spec) if stage.name not in {"dossier", "release", "deployment"}}
    expected = {asset: dossier.records.get("__".join(asset[1:]), "") for asset in judged}
    return {**expected, key_of(spec, "dossier"): dossier.digest}
