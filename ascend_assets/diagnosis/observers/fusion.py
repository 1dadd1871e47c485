"""Fusion passes that change results, as a second compilation without them shows.

Here belongs reading `Comparison.fusion`. An emulator fuses nothing, so this is seen on a device alone. Not here: which
single pass it is, which trials tell.
"""

from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.offers import offer
from ascend_assets.gates.wording import listing
from ascend_assets.remedies.kinds import SwitchFusionOff

MAKES = {"fusion_error": Kind(("fused", "unfused", "passes", "known"), ("switch_fusion_off",))}

REPORTED = (
    "SwinAttentionScoreFusionPass",
    "GroupNormFusionPass",
    "TransposeReshapeFusionPass",
    "TbeEltwiseFusionPass",
)
"""Passes that published recipes switch off (Huawei's ModelZoo: SPACH, EDSR, TransPose, GNMT; Ascend forum: Swin)."""


def observe(case: Case) -> Iterator[Observation]:
    """The trial's finding, where fusion is to blame. Reported passes are offered first, then all that took effect."""
    trial = case.comparison.fusion if case.comparison else None
    if trial is None or trial.verdict != "fusion":
        return
    known = [name for name in trial.passes if name.rpartition(".")[2] in REPORTED]
    suspects = (*known, *(name for name in trial.passes if name not in known))
    first = offer(SwitchFusionOff, as_="reported", passes=tuple(known)) if known else {}
    says = (
        f"the outputs are off by {trial.fused:.3g} with fusion and {trial.unfused:.3g} without; in effect were "
        f"{listing(suspects) or 'passes that the log does not name'}"
    )
    yield Observation(
        kind="fusion_error",
        says=says,
        values={
            "fused": trial.fused,
            "unfused": trial.unfused,
            "passes": listing(suspects) or "ALL",
            "known": listing(known) or "-",
        },
        remedies={**first, **offer(SwitchFusionOff, passes=suspects or ("ALL",))},
        from_="layers",
    )
