"""The toolchain `cann` for the contract that every toolchain keeps: on stand-ins, and on real tools where asked for.

`ASCEND_TEST_CANN=1` adds `cann-real`, on the installation and the NPUs of this machine. Without it that case does not
exist: a test that is skipped looks like one that passed.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from stand_ins.installing import Release
from stand_ins.sharing import RELEASES, shared, variables

from resources.ascend.cann.environment.installation import Installation, find
from resources.ascend.cann.npus.devices import devices, unfit
from resources.ascend.cann.npus.machine_locks import machine_folder
from resources.ascend.cann.site import Site
from resources.ascend.cann.toolchain import Cann
from resources.ascend.toolchain import Toolchain

REAL = "ASCEND_TEST_CANN"

CaseT_co = TypeVar("CaseT_co", covariant=True)


class MakesCase(Protocol[CaseT_co]):
    """The contract's own `Case`."""

    def __call__(
        self,
        make: Callable[[], Toolchain],
        soc: str,
        other_soc: str,
        environ: Callable[[], Mapping[str, str]],
        no_parser: frozenset[str],
    ) -> CaseT_co: ...


SOCS: Mapping[Release, tuple[str, str]] = {
    "7.0": ("Ascend310P3", "Ascend910B3"),
    "8.1": ("Ascend910B3", "Ascend310P3"),
    "9.1": ("Ascend910_9391", "Ascend310P3"),
}


def cann_cases(case: MakesCase[CaseT_co]) -> dict[str, CaseT_co]:
    """A case for each release of stand-ins, and the real one where it is asked for."""
    made = {f"cann-{release}": _stand_in(case, release) for release in RELEASES}
    return {**made, "cann-real": _real(case)} if os.environ.get(REAL) == "1" else made


def _stand_in(case: MakesCase[CaseT_co], release: Release) -> CaseT_co:
    soc, other = SOCS[release]
    code = "E13010" if release.startswith("9") else "E19010"
    return case(partial(on_stand_ins, release), soc, other, lambda: variables(shared(release)), frozenset({code}))


def on_stand_ins(release: Release, *, wait: float = 60.0) -> Cann:
    """CANN on the stand-ins of a release."""
    made = shared(release)
    found = find(made.environ, made.root)
    return Cann(Site(found, root=made.root), made.root / "locks", wait=wait)


def _real(case: MakesCase[CaseT_co]) -> CaseT_co:
    """The installation and a healthy NPU of this machine. Raises `NoInstallation`, `NoDevice`, `AssertionError`."""
    found = find()
    healthy = [each for each in devices(Site(found)) if not unfit(each, for_benchmark=True)]
    assert healthy, f"{REAL}=1 asks for the real tools, and no NPU here is healthy: npu-smi info"
    soc = healthy[0].soc_version
    codes = frozenset({"E19010", "E13010", "EZ9010"})
    return case(_real_toolchain, soc, _other(found, soc), dict, codes)


def _real_toolchain() -> Cann:
    return Cann(Site(find()), machine_folder(os.environ))


def _other(found: Installation, soc: str) -> str:
    """Another SoC that this CANN compiles for, of the families that need no more than the toolkit."""
    known = [name for name in ("Ascend310P3", "Ascend910B3", "Ascend310B1") if name in found.soc_versions]
    return next((name for name in (*known, *found.soc_versions) if name != soc), "Ascend310P3")
