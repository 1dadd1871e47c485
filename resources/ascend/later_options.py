"""ATC's options beyond the first ones, each at its default until it is given.

What was stored before one of them existed keeps its bytes and digests, because an option at its default is not written.
Here belong these fields and their meaning. Not here: which options exclude each other (`options.py`), or their values
(`option_values.py`).
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from resources.ascend.aipp import Aipp
from resources.ascend.option_values import (
    Bounds,
    BufferOptimize,
    CoreType,
    CustomDtypes,
    Dim,
    ImplMode,
    InputName,
    ListedName,
    OpPrecision,
    OpType,
    OutNode,
    OutputType,
    PassName,
    Switch,
    Word,
    without_unset,
)


class LaterOptions(BaseModel):
    """Options of `atc` by their own names, except `aipp` (`--insert_op_conf`) and `fusion_switches`.

    `input_shape_range`: inputs with ranges of sizes, `(low, high)` for an axis; written into `--input_shape`.
    `first_generation`: that SoC `Ascend910B`, the 30-core part, is really meant, and not an A2 card.
    `output_type`: one for all outputs, or one per entry of `out_nodes`. `aicore_num`: cube cores, and vector cores
    where the SoC has its own. `fusion_switches`: pass -> on or off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    LATER: ClassVar[frozenset[str]] = frozenset()
    """Set below: every field of this class."""

    input_shape_range: dict[InputName, tuple[Dim | Bounds, ...]] = Field(default_factory=dict)
    first_generation: bool = False
    op_precision_mode: OpPrecision | None = None
    op_select_implmode: ImplMode | None = None
    optypelist_for_implmode: tuple[OpType, ...] = ()
    customize_dtypes: tuple[CustomDtypes, ...] = ()
    output_type: OutputType | dict[OutNode, OutputType] | None = None
    out_nodes: tuple[OutNode, ...] = ()
    input_fp16_nodes: tuple[ListedName, ...] = ()
    aipp: tuple[Aipp, ...] = ()
    enable_small_channel: bool = False
    fusion_switches: dict[PassName, Switch] = Field(default_factory=dict)
    buffer_optimize: BufferOptimize | None = None
    deterministic: bool = False
    deterministic_level: Literal[0, 1, 2, 3] = 0
    external_weight: Literal[0, 1, 2] = 0
    sparsity: bool = False
    virtual_type: bool = False
    aicore_num: Annotated[tuple[Annotated[int, Field(ge=0, le=1024)], ...], Field(max_length=2)] = ()
    core_type: CoreType | None = None
    disable_reuse_memory: bool = False
    jit_compile: Literal[0, 1, 2] | None = None
    host_env_os: Word | None = None
    host_env_cpu: Word | None = None
    status_check: bool = False

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unset(self, write(self), self.LATER)


LaterOptions.LATER = frozenset(LaterOptions.model_fields)
