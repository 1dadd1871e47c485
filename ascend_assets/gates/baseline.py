"""What a candidate's speed is compared with: the release now in each environment.

Here belongs finding that release's profile. Not here: judging the ratio (`performance.py`).
"""

from ascend_assets.codec import read_record
from ascend_assets.environments import ENVIRONMENTS
from ascend_assets.records import BenchmarkRecord
from ascend_assets.spec import ModelSpec
from resources.ascend.toolchain import Profile
from resources.registry.ledger import Ledger
from resources.registry.releases import Registry
from resources.store.blobs import Blobs


def profiles(
    registry: Registry, ledger: Ledger, blobs: Blobs, spec: ModelSpec, record: BenchmarkRecord
) -> dict[str, Profile | None]:
    """Environment -> profile of the newest release there that is not of this very artefact; None where there is none.

    A release of the same artefact is passed over, so that judging a released candidate again gives the verdict that
    released it, and not a comparison with itself.
    """
    return {e.name: _profile(registry, ledger, blobs, e.name, spec, record) for e in ENVIRONMENTS}


def _profile(
    registry: Registry, ledger: Ledger, blobs: Blobs, environment: str, spec: ModelSpec, record: BenchmarkRecord
) -> Profile | None:
    for entry in reversed(ledger.history(environment, spec.name)):
        target = registry.get(spec.name, entry.version).targets.get(record.target)
        if target is None or target.om.sha256 == record.made_from["om"]:
            continue
        earlier = read_record(blobs, target.benchmark)
        return earlier.profile if isinstance(earlier, BenchmarkRecord) else None
    return None
