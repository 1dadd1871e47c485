"""What a toolchain does, and what it hands back.

Here belong the protocol that every toolchain keeps and the frozen reports that cross it. Reports carry numbers, names
and digests, never an opinion: whether a number is good enough is decided in `ascend_assets/gates`.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from resources.ascend.options import CompileOptions, without_unset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]
    Run = Callable[[Tensors], dict[str, NDArray[Any]]]

Origin = Literal["measured", "emulated"]
"""Where a figure comes from: `measured` on an NPU, or `emulated` on a CPU."""

Bound = Literal["cube", "vector", "memory", "overhead"]
"""What limits an operator's or a model's speed."""


class Report(BaseModel):
    """A frozen report. NaN and infinity survive JSON as strings, because a verdict must be able to see them."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class GrownReport(Report):
    """A report that has gained fields since the first were stored.

    `LATER` names them: unset they are not written, so that what was stored before keeps its bytes and its digest.
    """

    LATER: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unset(self, write(self), self.LATER)


class ToolchainIdentity(Report):
    """Who made an artefact. `cann` is the CANN version that is driven, or whose rules are emulated."""

    name: str
    version: str
    cann: str
    origin: Origin


class Diagnostic(GrownReport):
    """One of ATC's messages: its code, its text, and every ONNX node it is about. `title`: what CANN 9 calls it."""

    LATER = frozenset({"title"})

    code: str
    message: str
    nodes: tuple[str, ...] = ()
    cause: str = ""
    solution: str = ""
    title: str = ""


class CompileReport(Report):
    """A successful compilation. `log` is the console text in ATC's grammar."""

    warnings: tuple[Diagnostic, ...] = ()
    log: str = ""


class LayerComparison(Report):
    """One node's first output, FP16 device arithmetic against FP32.

    `cosine_similarity`, `max_absolute_error`, `relative_euclidean_distance`: the accumulated error, by msaccucmp's
    definitions (x device, y FP32 reference, flattened). `local_error`: the relative Euclidean distance of the node's
    own device result from FP32 inputs, so that it names the culprit and not a victim. `overflow`: elements that are
    finite in FP32 and not on the device. `underflow`: elements that are non-zero in FP32 and zero or subnormal on the
    device. `dtype`: what the device computes the node in.
    """

    index: int
    node: str
    op: str
    dtype: Literal["float16", "float32", "bfloat16", "other"]
    cosine_similarity: float
    max_absolute_error: float
    relative_euclidean_distance: float
    overflow: int
    underflow: int
    local_error: float


class OutputComparison(Report):
    """One model output by msaccucmp's metrics, each by its exact definition (x device, y FP32 reference)."""

    name: str
    cosine_similarity: float
    max_absolute_error: float
    accumulated_relative_error: float
    relative_euclidean_distance: float
    kullback_leibler_divergence: float
    mean_absolute_error: float
    root_mean_square_error: float
    max_relative_error: float
    mean_relative_error: float
    non_finite: int
    """Elements that are NaN or infinite on the device while the reference is finite."""


class BadLayer(Report):
    """The first layer whose own error, not its inputs', breaks the result."""

    node: str
    op: str
    cause: str


class SmallConstant(Report):
    """A constant that FP16 cannot hold as a normal number and that matters, such as an epsilon of 1e-5."""

    node: str
    op: str
    value: float
    what: str


class NotCompared(Report):
    """A node of the ONNX graph whose result could not be compared, and why (fused away, say).

    One that has a `LayerComparison` as well was compared, except for what `why` says.
    """

    node: str
    op: str
    why: str


class FusionTrial(Report):
    """The same model compiled again with all fusion passes off, on the same inputs.

    `fused` and `unfused`: the largest relative Euclidean distance over the outputs. `passes`: those that took effect
    in the fused compilation, told where fusion is to blame. `verdict`: what the pair says about where the error comes
    from.
    """

    fused: float
    unfused: float
    passes: tuple[str, ...]
    verdict: Literal["fusion", "arithmetic", "neither"]


class Comparison(GrownReport):
    """All layers of one model on one set of inputs.

    `not_compared` and `fusion` come from a device: an emulator computes every node and fuses nothing.
    """

    LATER = frozenset({"not_compared", "fusion"})

    origin: Origin
    layers: tuple[LayerComparison, ...]
    outputs: tuple[OutputComparison, ...]
    first_bad_layer: BadLayer | None
    small_constants: tuple[SmallConstant, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    fusion: FusionTrial | None = None


class OpTime(GrownReport):
    """One operator's time on the device. `time_us` microseconds; `flops` and `bytes` are what it has to do.

    `core` is msprof's task type (AI_CORE, AI_VECTOR_CORE, AI_CPU, MIX_AIC ...), empty where nothing was measured.
    """

    LATER = frozenset({"core"})

    node: str
    op: str
    time_us: float
    bound: Bound
    flops: int
    bytes: int
    core: str = ""


class Latency(Report):
    """Milliseconds for one batch, by percentile."""

    p50: float
    p90: float
    p99: float


class ErrorBand(Report):
    """How far estimates were from published figures, on models left out of the calibration.

    `low` and `high` are factors on the estimate that hold 90 % of the published figures; `median_error` is the median
    of |estimate / published - 1|; `models` and `points` say how many were compared.
    """

    low: float
    high: float
    median_error: float
    models: int
    points: int


class Measurement(Report):
    """How a benchmark was taken on a device.

    `runs_ms`: the time of each run after `warmup` runs, in order. `device`: which one, in words (`NPU 3 chip 0 on
    host`). `tools`: what measured, with versions as far as they tell. `energy_j`: joules of all runs, None where the
    tools do not tell. `advice`: what msprof-analyze's advisor says. `notes`: what a reader must know (a card whose
    clock changes makes core times a reference only).
    """

    runs_ms: tuple[float, ...]
    warmup: int
    device: str
    tools: tuple[str, ...] = ()
    energy_j: float | None = None
    advice: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Profile(GrownReport):
    """How fast a compiled model runs. `measurement` is there if and only if the origin is `measured`.

    `latency_ms` for one batch; `throughput` in samples per second; `aicore_utilisation` the share of the wall time in
    which AI cores compute, 0 to 1; `memory_bytes` weights, workspace and activations; `memory_available_bytes` what the
    SoC has.
    """

    LATER = frozenset({"measurement"})

    origin: Origin
    soc_version: str
    batch: int
    latency_ms: Latency
    throughput: float
    aicore_utilisation: float
    memory_bytes: int
    memory_available_bytes: int
    bound: Bound
    error_band: ErrorBand | None
    ops: tuple[OpTime, ...]
    measurement: Measurement | None = None


class OmInfo(Report):
    """What a compiled model says about itself. `identity` is sha256 over ONNX digest, SoC, options and toolchain.

    `options` as far as the file tells: a real `.om` names the option files that it was compiled with (kept operators,
    AIPP, switches) by digest, and does not hold them. `identity` covers their content all the same.
    """

    identity: str
    onnx_sha256: str
    options: CompileOptions
    toolchain: ToolchainIdentity


@dataclass(frozen=True)
class Compiled:
    """A successful compilation: what was made, with every option, and what the compiler said."""

    info: OmInfo
    report: CompileReport


class ToolchainError(Exception):
    """Base of what a toolchain refuses. The message says what happened, to which file, and what to do."""


class CompileRefused(ToolchainError):
    """The compiler refused the model. `diagnostics` holds every reason, `log` the console text."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], log: str) -> None:
        self.diagnostics = diagnostics
        self.log = log
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in diagnostics))


class NotLoadable(ToolchainError):
    """An `.om` that is truncated, foreign, or made for another SoC; the message has the command that rebuilds it."""


class Toolchain(Protocol):
    """Compile, infer, profile, compare and describe: all that a stage may ask of CANN."""

    def describe(self) -> ToolchainIdentity:
        """Name, version and origin; part of every stage's identity."""
        ...

    def compile(self, onnx: Path, options: CompileOptions, output: Path) -> Compiled:
        """Write the compiled model to `output` (created whole or not at all). Raises `CompileRefused`."""
        ...

    def open(self, om: Path, soc_version: str) -> OmInfo:
        """Read what an `.om` is. Raises `NotLoadable` for a damaged file or one for another SoC."""
        ...

    def infer(self, om: Path, soc_version: str, inputs: "Tensors") -> "dict[str, NDArray[Any]]":
        """Run one batch; inputs and outputs by the ONNX graph's names.

        Raises `NotLoadable`, and `ValueError` for a wrong input.
        """
        ...

    def session(self, om: Path, soc_version: str) -> "AbstractContextManager[Run]":
        """Load once, run many batches: what `infer` does, as a function that holds while the context is open."""
        ...

    def compare(
        self, om: Path, soc_version: str, onnx: Path, inputs: "Tensors", *, options: CompileOptions | None = None
    ) -> Comparison:
        """Compare every layer on the device with FP32 ONNX on the same inputs.

        `options`: all that the `.om` was compiled with, for what has to be compiled again; without them, as far as
        the file tells.
        """
        ...

    def profile(self, om: Path, soc_version: str) -> Profile:
        """Time the compiled model, operator by operator."""
        ...
