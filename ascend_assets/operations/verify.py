"""Does the toolchain in force work here, from a model to its profile? One step after the other, each with its words.

Here belong the steps and what each must give. Not here: the findings about the machine (`doctor_cann.py`), the model
(`verify_model.py`), or the report to send (`verify_bundle.py`).
"""

import math
import os
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ascend_assets.operations import doctor_cann, verify_model
from ascend_assets.operations.finding import Finding
from resources.ascend.cann.npus.devices import Device, devices, unfit
from resources.ascend.cann.npus.machine_locks import machine_folder
from resources.ascend.cann.recording import Recorder, middle_cut
from resources.ascend.cann.site import Site
from resources.ascend.choice import Chosen, choose
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Toolchain, ToolchainError, ToolchainIdentity
from resources.process import ProcessError

STEPS = ("compile", "open", "infer", "compare", "profile")
"""In order; each needs the ones before it, but for `compare` and `profile`, which do not need each other."""
_NEEDS = {"compile": "", "open": "compile", "infer": "open", "compare": "infer", "profile": "infer"}

EMULATED_SOC = "Ascend310P3"
SLOW_SECONDS = 2.0
"""What takes longer is told of while it lasts."""

Say = Callable[[str], None]


class Disagreed(Exception):
    """A step came to its end, and what it gave is wrong. The message says what."""


@dataclass(frozen=True)
class Step:
    """One step on one SoC. `ok` None: not tried, because one that it needs failed. `log`: what tools said, bounded."""

    name: str
    soc: str
    ok: bool | None
    seconds: float
    said: str
    log: str = ""


@dataclass(frozen=True)
class Verification:
    """What was found. `installation`: names and versions of what is installed; `devices`: each in words."""

    identity: ToolchainIdentity
    chosen: str
    socs: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    steps: tuple[Step, ...] = ()
    devices: tuple[str, ...] = ()
    installation: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every step was tried and passed, on one SoC at least."""
        return bool(self.steps) and all(step.ok for step in self.steps)


@dataclass(frozen=True)
class Place:
    """What is to be verified, opened: the toolchain, and on a machine with CANN the site, and what its tools say."""

    chosen: Chosen
    toolchain: Toolchain
    site: Site | None
    recorder: Recorder
    environ: Mapping[str, str]
    root: Path


def opened(say: Say, *, environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> Place:
    """The toolchain in force here. Raises `BadChoice`, and `NoInstallation` where CANN is asked for and missing."""
    chosen = choose(environ=environ, root=root)
    if chosen.toolchain.describe().origin == "emulated":
        return Place(chosen, chosen.toolchain, None, Recorder(), environ, root)
    from resources.ascend.cann.environment.installation import find
    from resources.ascend.cann.toolchain import Cann

    recorder = Recorder()
    site = Site(find(environ, root), say, root, recorder.keep)
    return Place(chosen, Cann(site, machine_folder(environ)), site, recorder, environ, root)


def verify(place: Place, say: Say, *, soc: str = "", heard: Callable[[Step], None] = lambda _: None) -> Verification:
    """Walk the steps for `soc`, or for the SoC of every healthy device; `heard` is told each step as it ends.

    What is wrong is a step that failed, not an error.
    """
    with slow(say, "looking at the machine"):
        found = Verification(
            identity=place.toolchain.describe(),
            chosen=str(place.chosen),
            socs=(soc,) if soc else (),
            findings=doctor_cann.examine(place.environ, place.root),
        )
        if place.site is None:
            found = replace(found, socs=found.socs or (EMULATED_SOC,))
        else:
            found = _devices(place.site, found, heard)
    steps = list(found.steps)
    for name in found.socs:
        for step in walk(place.toolchain, name, say):
            steps.append(step)
            heard(step)
    return replace(found, steps=tuple(steps))


def _devices(site: Site, found: Verification, heard: Callable[[Step], None]) -> Verification:
    """What is installed and plugged in; a step that failed where no device can be used and no SoC was named."""
    here = site.installation
    told = {"cann": here.version, "internal": here.internal, "inner": here.inner, "kind": here.kind, "arch": here.arch}
    told |= {"driver": here.driver, "firmware": here.firmware, "home": str(here.home), "found_by": here.found_by}
    found = replace(found, installation=told)
    started = time.monotonic()
    try:
        listed = devices(site)
    except (ToolchainError, ProcessError, OSError) as error:
        listed, why, log = (), str(error), _log(error)
    else:
        why, log = "; ".join(filter(None, (unfit(d, for_benchmark=False) for d in listed))) or "there is none", ""
    found = replace(found, devices=tuple(f"{device}, health {device.health}" for device in listed))
    if found.socs:
        return found
    if socs := _socs(listed):
        return replace(found, socs=socs)
    step = Step("devices", "", ok=False, seconds=time.monotonic() - started, said=f"no usable device: {why}", log=log)
    heard(step)
    return replace(found, steps=(step,))


def _socs(listed: Sequence[Device]) -> tuple[str, ...]:
    """The SoC of every device that can be used, each once, in the devices' order."""
    return tuple(dict.fromkeys(d.soc_version for d in listed if not unfit(d, for_benchmark=False)))


@contextmanager
def slow(say: Say, what: str) -> Iterator[None]:
    """Say what is being done if it is not done at once."""
    timer = threading.Timer(SLOW_SECONDS, say, (f"{what} ...",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def walk(toolchain: Toolchain, soc: str, say: Say) -> Iterator[Step]:
    """Every step on one SoC, as it ends. What a failed step was needed for is not tried."""
    with tempfile.TemporaryDirectory(prefix="ascend-verify-") as name:
        work = _Work(toolchain, soc, Path(name))
        failed: set[str] = set()
        for step in STEPS:
            if _NEEDS[step] in failed:
                failed.add(step)
                yield Step(step, soc, ok=None, seconds=0.0, said=f"not tried, because {_NEEDS[step]} did not pass")
                continue
            with slow(say, f"{step} on {soc}"):
                ended = _tried(work, step, soc)
            if not ended.ok:
                failed.add(step)
            yield ended


def _tried(work: "_Work", step: str, soc: str) -> Step:
    started = time.monotonic()
    try:
        said, log = work.do(step)
    except Exception as error:  # noqa: BLE001 - whatever breaks a step is what the report is for
        words = str(error) if isinstance(error, ToolchainError | Disagreed) else f"{type(error).__name__}: {error}"
        seconds = time.monotonic() - started
        return Step(step, soc, ok=False, seconds=seconds, said=words, log=_log(error))
    return Step(step, soc, ok=True, seconds=time.monotonic() - started, said=said, log=middle_cut(log))


def _log(error: Exception) -> str:
    """What tools said before it went wrong, and where our own code was."""
    completed = getattr(error, "completed", None)
    said = f"{completed.stdout}\n{completed.stderr}" if completed is not None else getattr(error, "log", "")
    return middle_cut(said) + "\n" + "".join(traceback.format_exception(error))


class _Work:
    """The steps on one SoC, in one private folder. Each hands out a sentence, and what a tool said, if one did."""

    def __init__(self, toolchain: Toolchain, soc: str, folder: Path) -> None:
        self._toolchain = toolchain
        self._soc = soc
        self._onnx, self._om = folder / "verify.onnx", folder / "verify.om"
        self._onnx.write_bytes(verify_model.onnx_bytes())

    def do(self, step: str) -> tuple[str, str]:
        """Do one step. Raises what the toolchain raises, and `Disagreed`."""
        steps: Mapping[str, Callable[[], tuple[str, str]]] = {
            "compile": self._compile,
            "open": self._open,
            "infer": self._infer,
            "compare": self._compare,
            "profile": self._profile,
        }
        return steps[step]()

    def _compile(self) -> tuple[str, str]:
        made = self._toolchain.compile(self._onnx, CompileOptions(soc_version=self._soc), self._om)
        warned = f", {len(made.report.warnings)} warnings" if made.report.warnings else ""
        return f"{self._om.stat().st_size:,} bytes{warned}", made.report.log

    def _open(self) -> tuple[str, str]:
        from resources.digests import sha256_file

        info = self._toolchain.open(self._om, self._soc)
        if info.onnx_sha256 != sha256_file(self._onnx):
            raise Disagreed(
                f"the .om says it was compiled from {info.onnx_sha256 or 'an unknown file'}, and it was not"
            )
        return f"identity {info.identity[:12]}", ""

    def _infer(self) -> tuple[str, str]:
        from resources.ascend import metrics

        made = self._toolchain.infer(self._om, self._soc, verify_model.inputs())
        if list(made) != [verify_model.OUTPUT]:
            raise Disagreed(f"the outputs are {', '.join(made) or 'none'}, and not {verify_model.OUTPUT}")
        truth = verify_model.reference(self._onnx.read_bytes())
        told = metrics.output_metrics(verify_model.OUTPUT, made[verify_model.OUTPUT], truth)
        cosine, distance = told.cosine_similarity, told.relative_euclidean_distance
        said = f"cosine {cosine:.6f}, relative distance {distance:.2g} to FP32"
        if metrics.beyond_limits(cosine, distance, told.non_finite):
            raise Disagreed(f"{said}: beyond {metrics.COSINE_LIMIT} and {metrics.DISTANCE_LIMIT}")
        return said, ""

    def _compare(self) -> tuple[str, str]:
        found = self._toolchain.compare(self._om, self._soc, self._onnx, verify_model.inputs())
        if not found.layers or [output.name for output in found.outputs] != [verify_model.OUTPUT]:
            raise Disagreed(f"{len(found.layers)} layers and {len(found.outputs)} outputs were compared")
        if found.first_bad_layer is not None:
            bad = found.first_bad_layer
            raise Disagreed(f"layer {bad.node} ({bad.op}) is beyond the limits: {bad.cause}")
        missing = f", {len(found.not_compared)} not" if found.not_compared else ""
        return f"{len(found.layers)} layers compared{missing}, none beyond the limits", ""

    def _profile(self) -> tuple[str, str]:
        found = self._toolchain.profile(self._om, self._soc)
        latency = found.latency_ms
        if not 0 < latency.p50 <= latency.p90 <= latency.p99 < math.inf:
            raise Disagreed(f"latencies {latency.p50}, {latency.p90}, {latency.p99} ms make no sense")
        notes = "; ".join(found.measurement.notes) if found.measurement else ""
        if not found.ops:
            raise Disagreed(f"no operator was timed{f': {notes}' if notes else ''}")
        busy = f"{found.aicore_utilisation:.0%}" if math.isfinite(found.aicore_utilisation) else "unknown"
        said = f"P50 {latency.p50:.4g} ms, P99 {latency.p99:.4g} ms, {len(found.ops)} operators, AI cores busy {busy}"
        return f"{said}, {found.origin}", notes
