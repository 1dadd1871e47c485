"""CANN as a toolchain: the real compiler, on real devices.

Here belong the verbs of `resources/ascend/toolchain.py`, each handed to the module that drives the tool, and the lease
of the device that a verb needs. Everything it says carries the origin `measured`. Not here: any tool's grammar.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.ascend.cann.compiling import atc
from resources.ascend.cann.npus import devices, leases
from resources.ascend.cann.npus.devices import Device
from resources.ascend.cann.om import om_file, om_identity
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.precision import compare
from resources.ascend.cann.profiling import profile
from resources.ascend.cann.running import benchmark, inference
from resources.ascend.cann.site import Site
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Comparison, Compiled, OmInfo, Profile, ToolchainError, ToolchainIdentity
from resources.digests import sha256_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from resources.ascend.toolchain import Run, Tensors

WAIT_SECONDS = 3600.0
"""How long a verb waits for a device that others use."""


class WrongOnnx(ToolchainError):
    """The ONNX file is not the one that the `.om` was compiled from."""


class Cann:
    """A `Toolchain` on NPUs. `leases`: the machine's folder of device locks, shared by all that use its devices."""

    def __init__(self, site: Site, leases_folder: Path, *, wait: float = WAIT_SECONDS) -> None:
        self._site = site
        self._leases = leases_folder
        self._wait = wait

    def describe(self) -> ToolchainIdentity:
        """Name, version and origin. The version is the installed build's, as far as it tells."""
        found = self._site.installation
        version = " ".join(filter(None, (found.internal, found.inner))) or found.version
        return ToolchainIdentity(name="cann", version=version, cann=found.version, origin="measured")

    def compile(self, onnx: Path, options: CompileOptions, output: Path) -> Compiled:
        """Write the compiled model to `output`, whole or not at all. No device is needed.

        Raises `CompileRefused` with every reason, `ToolFailed` when it is not the model's fault.
        """
        return atc.convert(self._site, onnx, options, output, identity=self.describe()).compiled

    def open(self, om: Path, soc_version: str) -> OmInfo:
        """Read what an `.om` is, from the file alone. Raises `NotLoadable`."""
        return self._opened(om, soc_version)[1]

    def infer(self, om: Path, soc_version: str, inputs: "Tensors") -> "dict[str, NDArray[Any]]":
        """Run one batch on a free device. Raises `NotLoadable`, `NoDevice`, and `ValueError` for a wrong input."""
        held, info = self._opened(om, soc_version)
        checked = inference.checked_inputs(held, info.options, inputs)
        with self._device(held, soc_version) as device:
            return inference.infer(self._site, device, held, info.options, checked)

    @contextmanager
    def session(self, om: Path, soc_version: str) -> "Iterator[Run]":
        """Load once on a free device, which stays ours while the context is open."""
        held, info = self._opened(om, soc_version)
        with (
            self._device(held, soc_version) as device,
            inference.open_session(self._site, device, held, info.options) as session,
        ):
            yield session.run

    def compare(
        self, om: Path, soc_version: str, onnx: Path, inputs: "Tensors", *, options: CompileOptions | None = None
    ) -> Comparison:
        """Compare every layer that the device computed with FP32 ONNX on the same inputs.

        Raises `NotLoadable`, `WrongOnnx` when `onnx` is not what the `.om` was compiled from, `NoDevice`, and
        `ValueError` for a wrong input.
        """
        held, info = self._opened(om, soc_version)
        if sha256_file(onnx) != info.onnx_sha256:
            raise WrongOnnx(
                f"{onnx}: not the file that {om} was compiled from (sha256 {info.onnx_sha256}): give that one"
            )
        checked = inference.checked_inputs(held, info.options, inputs)
        with self._device(held, soc_version) as device:
            return compare.compare(self._site, device, held, options or info.options, onnx, checked, self._recompiled)

    def profile(self, om: Path, soc_version: str) -> Profile:
        """Time the compiled model on a card of its own; the largest gear where there are gears."""
        held, info = self._opened(om, soc_version)
        with self._device(held, soc_version, whole_card=True) as device:
            timing = benchmark.measure(self._site, device, held, info.options)
            return profile.profile(self._site, device, held, info.options, timing)

    def _recompiled(self, onnx: Path, options: CompileOptions, output: Path) -> tuple[str, ...]:
        """Compile again for a trial; the fusion passes that took effect, none where `atc` does not tell."""
        made = atc.convert(self._site, onnx, options, output, identity=self.describe())
        return made.fusion.effective if made.fusion else ()

    def _opened(self, om: Path, soc_version: str) -> tuple[OmFile, OmInfo]:
        held = om_file.read(om)
        om_identity.require_runnable(held, soc_version, self._site.installation)
        return held, om_identity.info(held, self.describe())

    @contextmanager
    def _device(self, om: OmFile, soc_version: str, *, whole_card: bool = False) -> Iterator[Device]:
        with leases.lease(
            self._leases,
            devices.devices(self._site),
            soc_version=om_identity.same_soc(soc_version),
            whole_card=whole_card,
            wait=self._wait,
            say=self._site.say,
            doing=f"{'times' if whole_card else 'runs'} {om.name}",
            look=partial(devices.devices, self._site),
        ) as device:
            yield device
