"""deployment: what an environment's ledger says is there.

Here belongs appending a release to the ledger, once. Not here: whether it may be there (the release's own verdicts, and
the gates before them), or serving it.
"""

from datetime import UTC, datetime

from ascend_assets.assets.release import admits
from ascend_assets.environments import policy_digest
from ascend_assets.records import DeploymentRecord, ReleaseRecord
from ascend_assets.stage import Order, Tools
from resources.registry.ledger import Entry, Kind


class NotAdmitted(Exception):
    """A release whose own verdicts keep it out of an environment."""


def make(tools: Tools, key: str, order: Order, *, environment: str, release: ReleaseRecord) -> DeploymentRecord:
    """Make the release the environment's present, unless it already is.

    Raises `NotAdmitted` for a release that may not be there, `LedgerMoved` where somebody else deployed meanwhile.
    """
    manifest = tools.registry.get(release.model, release.version, digest=release.release_digest)
    tools.registry.check(manifest)
    reasons = admits(manifest, environment)
    if reasons:
        raise NotAdmitted(f"{manifest.model} {manifest.version} may not enter {environment}: {'; '.join(reasons)}")
    current = tools.ledger.current(environment, release.model)
    if current is None or current.release_digest != manifest.digest:
        current = Entry(
            sequence=current.sequence + 1 if current else 1,
            previous=current.digest if current else None,
            kind=Kind.DEPLOY,
            model=release.model,
            environment=environment,
            version=release.version,
            release_digest=manifest.digest,
            actor=order.actor or "dagster",
            reason=order.reason or f"candidate {manifest.candidate}",
            at=datetime.now(UTC),
            policy_digest=policy_digest(),
        )
        tools.ledger.append(current)
    return DeploymentRecord(
        key=key,
        made_from={"release": release.data_version},
        model=release.model,
        environment=environment,
        version=release.version,
        release_digest=manifest.digest,
        sequence=current.sequence,
        entry_digest=current.digest,
    )
