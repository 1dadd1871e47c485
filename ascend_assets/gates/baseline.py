"""What a candidate's speed is compared with: the release now in each environment.

Here belongs finding that release's profile. Not here: judging the ratio (`performance.py`).
"""

from ascend_assets.codec import read_record
from ascend_assets.policy_file import in_force
from ascend_assets.records import BenchmarkRecord
from ascend_assets.spec import ModelSpec
from resources.ascend.toolchain import Profile
from resources.registry import released
from resources.registry.ledger import Entry, Ledger
from resources.registry.releases import Registry, ReleasedTarget
from resources.registry.stays import stays
from resources.store.blobs import Blobs


def profiles(
    registry: Registry, ledger: Ledger, blobs: Blobs, spec: ModelSpec, record: BenchmarkRecord, *, within: str = ""
) -> dict[str, Profile | None]:
    """Environment -> profile of the newest release there that is not of this very artefact; None where there is none.

    A release of the same artefact is passed over, so that judging a released candidate again gives the verdict that
    released it, and not a comparison with itself; and so is one that a rollback has left. `within`: the bundle in which
    the model is deployed, if it is in one. Raises `CorruptRelease`, `NotReleased`, `LedgerBroken`, `StoreError`.
    """
    found: dict[str, Profile | None] = {}
    for environment in in_force():
        found[environment.name] = None
        looked_at: set[str] = set()
        for stay in stays(ledger.backwards(environment.name, within or spec.name)):
            if stay.failed or stay.entry.release_digest in looked_at:
                continue
            looked_at.add(stay.entry.release_digest)
            target = _target(registry, stay.entry, spec, record)
            if target is not None:
                found[environment.name] = _profile(blobs, target)
                break
    return found


def _target(registry: Registry, entry: Entry, spec: ModelSpec, record: BenchmarkRecord) -> ReleasedTarget | None:
    """The same target of an earlier release, compiled otherwise; None where there is no such target."""
    live = released.find(registry.store, entry.model, entry.version, digest=entry.release_digest)
    for release in live.releases:
        target = release.targets.get(record.target) if release.model == spec.name else None
        if target is not None and target.om.sha256 != record.made_from.get("om"):
            return target
    return None


def _profile(blobs: Blobs, target: ReleasedTarget) -> Profile | None:
    earlier = read_record(blobs, target.benchmark)
    return earlier.profile if isinstance(earlier, BenchmarkRecord) else None
