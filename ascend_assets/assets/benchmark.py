"""benchmark: how fast a compiled model runs on its target.

Here belongs taking the profile. Not here: how it is taken (`resources/ascend`), or what is fast enough
(`gates/performance.py`).
"""

from ascend_assets.records import BenchmarkRecord, OmRecord
from ascend_assets.spec import Target
from ascend_assets.stage import Order, Tools


def make(tools: Tools, key: str, _order: Order, *, om: OmRecord, target: Target) -> BenchmarkRecord:
    """Profile one batch of the compiled model."""
    profile = tools.toolchain.profile(tools.blobs.path(om.file), target.soc_version)
    return BenchmarkRecord(
        key=key,
        made_from={"om": om.data_version},
        target=target.key,
        origin=profile.origin,
        toolchain=tools.toolchain.describe(),
        profile=profile,
    )
