"""deployment: what an environment's ledger says is there.

Here belongs the record of a deployment. Not here: whether a release may be there, and appending it to the ledger
(`ascend_assets/operations/promote.py`, as for a person who promotes), or serving it.
"""

from ascend_assets.operations.promote import NotAdmitted, promote
from ascend_assets.records import DeploymentRecord, ReleaseRecord
from ascend_assets.stage import Order, Tools
from resources.registry.ledger import Entry

__all__ = ["NotAdmitted", "make"]


def make(tools: Tools, key: str, order: Order, *, environment: str, release: ReleaseRecord) -> DeploymentRecord:
    """Make the release the environment's present, unless it already is, or what is there stays.

    Raises `NotAdmitted` for a release that may not be there, `CorruptRelease` where its manifest is another than the
    one that was published, `LedgerMoved` where somebody else deployed meanwhile.
    """
    live = tools.ledger.live(environment, release.model) if order.stays else None
    if live is not None:
        tools.say(order.stays)
    entry = live or _deployed(tools, order, environment, release)
    return DeploymentRecord(
        key=key,
        made_from={"release": release.data_version},
        model=release.model,
        environment=environment,
        version=entry.version,
        release_digest=entry.release_digest,
        sequence=entry.sequence,
        entry_digest=entry.digest,
    )


def _deployed(tools: Tools, order: Order, environment: str, release: ReleaseRecord) -> Entry:
    manifest = tools.registry.get(release.model, release.version, digest=release.release_digest)
    return promote(
        tools,
        name=release.model,
        version=release.version,
        environment=environment,
        actor=order.actor or "dagster",
        reason=order.reason or f"candidate {manifest.candidate}",
    )
