"""The stand-in for `ais_bench.infer.interface`: a model that stays on the device between batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from stand_ins import tree
from stand_ins.loading import AclError, Loaded

HOME = ""
"""Set by the package that the installation has."""

_SIZES = {"float32": 4, "float16": 2, "int64": 8, "int32": 4, "uint8": 1, "int8": 1, "bool": 1, "float64": 8}


@dataclass(frozen=True)
class Tensor:
    """What `get_inputs` and `get_outputs` hand out."""

    name: str
    datatype: str
    shape: list[int]

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * _SIZES[self.datatype]

    realsize = size
    format = "ND"


@dataclass
class Summary:
    """Times of the runs so far, in milliseconds."""

    exec_time_list: list[float] = field(default_factory=list)


class InferSession:
    """A model on a device."""

    def __init__(
        self,
        device_id: int,
        model_path: str,
        acl_json_path: str | None = None,
        debug: bool = False,  # noqa: FBT001, FBT002 - the real one's signature
        loop: int = 1,
    ) -> None:
        self._tree = tree.read(HOME)
        self._tree.record("ais_bench", ["InferSession", str(device_id), str(model_path)])
        self._device, self._loop, self._om = device_id, loop, Path(model_path)
        self._acl_json = acl_json_path
        self._debug = debug
        self._summary = Summary()
        try:
            self._loaded = Loaded(self._tree, self._om, device_id)
        except AclError as error:
            raise RuntimeError(str(error)) from error

    def get_inputs(self) -> list[Tensor]:
        return [Tensor(name, dtype, shape) for name, dtype, shape in self._loaded.inputs]

    def get_outputs(self) -> list[Tensor]:
        return [Tensor(name, dtype, shape) for name, dtype, shape in self._loaded.meta["outputs"]]

    def infer(
        self,
        feeds: Sequence[Any],
        mode: str = "static",
        custom_sizes: int | Sequence[int] = 100000,  # noqa: ARG002 - no shape is open here
    ) -> list[Any]:
        """One batch, `loop` times."""
        if mode not in {"static", "dymbatch", "dymhw", "dymdims", "dymshape"}:
            raise RuntimeError(f"wrong infer_mode:{mode}")
        fault = self._tree.fault("ais_bench").get("name", "")
        if fault in {"hang", "crash"}:
            {"hang": tree.hang, "crash": tree.crash}[fault]()
        for place, (array, (_, dtype, shape)) in enumerate(zip(feeds, self._loaded.inputs, strict=True)):
            size = prod(shape) * _SIZES[dtype]
            if (size > 0 and array.nbytes != size) or fault == "wrong_sizes":
                raise RuntimeError(f"arg{place} tensorsize: {size} filesize: {array.nbytes} not match")
        try:
            gear = self._loaded.gear([array.shape for array in feeds])
            times = [self._loaded.milliseconds(gear) for _ in range(self._loop)]
            made = self._loaded.run(feeds)
        except AclError as error:
            raise RuntimeError(str(error)) from error
        self._summary.exec_time_list += [float("nan")] * len(times) if fault == "nan_times" else times
        self._tree.record_run(self._om, self._device, self._loop)
        if self._acl_json:
            from stand_ins.dumping import dump

            dump(self._loaded, Path(self._acl_json), feeds, self._device)
        return [] if fault == "missing_output" else made

    def summary(self) -> Summary:
        return self._summary

    def reset_summaryinfo(self) -> None:
        self._summary = Summary()

    def free_resource(self) -> None:
        """Nothing is held."""

    def finalize(self) -> None:
        """Nothing is held."""
