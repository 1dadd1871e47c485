"""Running a compiled model on a device, through ais_bench.

Here belong a session that keeps one child with the model loaded (ais_bench's Python session), the same by one command
for each call where that cannot be imported, and reading the outputs back. Not here: what inputs a model takes
(`model_inputs.py`), or times (`benchmark.py`).

The device is the first that the child sees: ASCEND_RT_VISIBLE_DEVICES holds the leased one alone, and the runtime
counts what is visible from 0.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from resources.ascend.cann.environment import child_environment
from resources.ascend.cann.errors import BadOutput, ToolFailed
from resources.ascend.cann.running import ais_bench, session_worker
from resources.ascend.cann.running.ais_run import Work
from resources.ascend.cann.running.ais_tools import find_tools
from resources.ascend.cann.running.conversation import Conversation, Ended, Garbage, NoAnswer, conversation
from resources.ascend.cann.running.model_inputs import Setting, checked_inputs, plain_dtype, setting_of
from resources.ascend.cann.site import Site
from resources.ascend.options import CompileOptions
from resources.npz import BadNpz, read_array
from resources.process import clean_environment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from resources.ascend.cann.npus.devices import Device
    from resources.ascend.cann.om.om_file import OmFile
    from resources.ascend.cann.om.om_ports import Port

    Tensors = Mapping[str, NDArray[Any]]

__all__ = ["Session", "checked_inputs", "infer", "open_session"]

LOAD_SECONDS = 600.0
RUN_SECONDS = 600.0
MAX_OUTPUTS = 1024
MAX_OUTPUT_BYTES = 4 * 2**30
"""Of one output's file."""
OPEN_OUTPUT_BYTES = 64 * 2**20
"""Room for each output whose size the `.om` does not tell, because its shapes are open."""


class Session(Protocol):
    """A loaded model."""

    def run(self, inputs: "Tensors") -> "dict[str, NDArray[Any]]":
        """Run one batch; inputs and outputs by the ONNX graph's names.

        Raises `ValueError` for a wrong input, before the device is touched; `NoDevice`, `NotLoadable`, `ToolFailed` and
        `BadOutput` when the tool fails.
        """
        ...


def infer(
    site: Site,
    device: "Device",
    om: "OmFile",
    options: CompileOptions,
    inputs: "Tensors",
    *,
    acl_json: Path | None = None,
) -> "dict[str, NDArray[Any]]":
    """Run one batch in a session of its own. Raises what `open_session` and `Session.run` raise."""
    checked = checked_inputs(om, options, inputs)
    with open_session(site, device, om, options, acl_json=acl_json) as session:
        return session.run(checked)


@contextmanager
def open_session(
    site: Site,
    device: "Device",
    om: "OmFile",
    options: CompileOptions,
    *,
    timeout: float = RUN_SECONDS,
    acl_json: Path | None = None,
) -> Iterator[Session]:
    """Load the model on the device; `timeout` seconds for each run. Nothing is left behind, whatever happens.

    `acl_json`: a configuration of the runtime, which makes it dump.

    Raises `ToolFailed` where there is no ais_bench, `NoDevice` and `NotLoadable` where the model cannot be loaded.
    """
    tools = find_tools(site)
    site.say(f"loading the model on {device}")
    with tempfile.TemporaryDirectory(prefix="ascend-infer-") as name:
        work = Work(site, device, om, options, Path(name).resolve())
        task = _Task(work, ais_bench.staged(om.path, work.folder), timeout, acl_json and acl_json.resolve())
        if not tools.python:
            yield _PerCall(task, tools.require_command())
            return
        env = child_environment.variables(site.installation, work=work.folder, devices=(device.logic,))
        # A script's folder comes first in its search path: a private one has no module that hides another.
        shutil.copyfile(session_worker.__file__, work.folder / "session_worker.py")
        argv = (tools.python, "session_worker.py", "serve")
        with conversation(argv, cwd=work.folder, env=clean_environment(env)) as worker:
            session = _Kept(task, worker)
            session.load()
            yield session


@dataclass(frozen=True)
class _Task:
    """What a session runs. `model`: the `.om` under a name that the tools take."""

    work: Work
    model: Path
    timeout: float
    acl_json: Path | None

    def write(self, inputs: "Tensors") -> tuple[Setting, tuple[Path, ...]]:
        """Check the inputs and write them as in0.npy, in1.npy ..., in the model's order."""
        import numpy as np

        arrays = checked_inputs(self.work.om, self.work.options, inputs)
        paths = tuple(self.work.folder / f"in{index}.npy" for index in range(len(arrays)))
        for path, array in zip(paths, arrays.values(), strict=True):
            np.save(path, array, allow_pickle=False)
        return setting_of(self.work.om, self.work.options, arrays), paths

    def sizes(self, setting: Setting) -> tuple[int, ...]:
        """Room for each output; empty where the runtime knows it."""
        if setting.mode != "dymshape":
            return ()
        return tuple(port.size if port.size > 0 else OPEN_OUTPUT_BYTES for port in self.work.om.outputs)


class _Kept:
    """One child keeps the model loaded, and is asked for each batch."""

    def __init__(self, task: _Task, worker: Conversation) -> None:
        self._task = task
        self._worker = worker

    def load(self) -> None:
        acl_json = self._task.acl_json
        request = {"model": str(self._task.model), "device": 0, "acl_json": acl_json and str(acl_json)}
        self._ask(request, "ready", LOAD_SECONDS)

    def run(self, inputs: "Tensors") -> "dict[str, NDArray[Any]]":
        setting, paths = self._task.write(inputs)
        request = {
            "feeds": len(paths),
            "mode": setting.mode,
            "gear": ais_bench.gear_text(setting),
            "sizes": list(self._task.sizes(setting)),
        }
        count = self._ask(request, "done", self._task.timeout)
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MAX_OUTPUTS:
            raise BadOutput(f"ais_bench's session claims {count!r} outputs of {self._task.work.om.path}")
        outputs = [self._task.work.folder / f"out{index}.npy" for index in range(count)]
        try:
            return _read(self._task, setting, outputs)
        finally:
            for path in (*paths, *outputs):
                path.unlink(missing_ok=True)

    def _ask(self, request: dict[str, Any], key: str, timeout: float) -> object:
        who = "ais_bench's session"
        try:
            answer = self._worker.ask(request, timeout=timeout)
        except Garbage as error:
            raise BadOutput(f"{who}: {error}") from error
        except NoAnswer as error:
            if isinstance(error, Ended):
                raise self._task.work.failure(f"{who} {error}", error.log) from error
            raise ToolFailed(f"{who}, running {self._task.work.om.path}, {error}", error.log) from error
        if key not in answer:
            log = f"{self._worker.log}\n{answer.get('error', '')}"
            self._worker.stop()
            raise self._task.work.failure(f"{who} failed", log)
        return answer[key]


class _PerCall:
    """One command for each batch: slower, for it loads the model each time."""

    def __init__(self, task: _Task, tool: ais_bench.Tool) -> None:
        self._task = task
        self._tool = tool

    def run(self, inputs: "Tensors") -> "dict[str, NDArray[Any]]":
        task = self._task
        setting, paths = task.write(inputs)
        output = task.work.folder / "output"
        output.mkdir(mode=0o700, exist_ok=True)
        request = ais_bench.Request(
            model=task.model,
            output=output,
            name="run",
            setting=setting,
            inputs=paths,
            output_bytes=task.sizes(setting),
            acl_json=task.acl_json,
        )
        try:
            log = task.work.run(self._tool, request, task.timeout)
            return _read(task, setting, _written(output / "run", log, task))
        finally:
            shutil.rmtree(output, ignore_errors=True)
            for path in paths:
                path.unlink(missing_ok=True)


def _written(folder: Path, log: str, task: _Task) -> list[Path]:
    """The outputs in order: the first input's name, an index, `.npy`, and no other array beside them."""
    names = {path.name for path in folder.glob("*.npy")} if folder.is_dir() else set()
    if not names:
        raise task.work.failure("ais_bench left no outputs, though it says it succeeded", log)
    expected = [f"in0_{index}.npy" for index in range(len(names))]
    if len(names) > MAX_OUTPUTS or set(expected) != names:
        listed = ", ".join(sorted(names)[:20])
        raise ToolFailed(f"ais_bench left {listed} for {task.work.om.path}; in0_0.npy, in0_1.npy ... are expected", log)
    return [folder / name for name in expected]


def _read(task: _Task, setting: Setting, paths: list[Path]) -> "dict[str, NDArray[Any]]":
    """Every output under its ONNX name, in the model's order."""
    ports = task.work.om.outputs
    if not ports:
        raise ToolFailed(
            f"{task.work.om.path} does not tell its outputs' names; compile its model again with this CANN"
        )
    if len(paths) != len(ports):
        raise ToolFailed(f"ais_bench wrote {len(paths)} outputs; {task.work.om.path} has {len(ports)}")
    outputs = {}
    for port, path in zip(ports, paths, strict=True):
        try:
            array = read_array(path, max_bytes=MAX_OUTPUT_BYTES)
        except BadNpz as error:
            raise ToolFailed(f"output {port.name!r} of {task.work.om.path} cannot be read: {error}") from error
        outputs[port.name] = _as_the_model_has_it(task.work.om, port, array, setting)
    return outputs


def _as_the_model_has_it(om: "OmFile", port: "Port", array: "NDArray[Any]", setting: Setting) -> "NDArray[Any]":
    """The array in the type that the `.om` tells, and, where nothing is open, in its shape."""
    import numpy as np

    shape = tuple(port.shape)
    if setting.mode == "static" and shape and all(dim > 0 for dim in shape):
        if array.size != np.prod(shape):
            raise ToolFailed(
                f"output {port.name!r} of {om.path} has shape {array.shape}; {shape} is what the file says"
            )
        array = array.reshape(shape)
    return array.astype(plain_dtype(port) or array.dtype, copy=False)
