"""Every flag of `atc`: what it takes, what it is by default, where it works, and whether it is still there.

From ATC's documentation and its help, CANN 5 to 9.2. A version is given only where one is known; None says that it is
not. A flag that this program does not offer stands here too, so that the command line in a foreign `.om` is understood.
Here belong the table and the flags of a single run, which do not change what is compiled. Not here: the options that do
(`resources/ascend/options.py`), or how a command line is put together (`command.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from resources.ascend.cann.environment.versions import Version
from resources.ascend.families import Family
from resources.ascend.option_values import (
    PRECISION_MODES,
    PRECISION_MODES_V2,
    Value,
)

_ZERO_ONE = ("0", "1")
_IMPLMODES = ("high_precision", "high_performance", "high_precision_for_all", "high_performance_for_all")


@dataclass(frozen=True)
class Flag:
    """One flag. `values`: the legal ones, empty where any text of the right form is. `default` as ATC spells it.

    `families`: where it works; empty for everywhere. `since`: the first CANN that has it, `until` the last, as far as
    known. `removed`: newer versions refuse it. `instead`: what to give in place of a deprecated or removed flag.
    `needs_file`: its value names a file. `offered`: this program writes it.
    """

    values: tuple[str, ...] = ()
    default: str = ""
    families: tuple[Family, ...] = ()
    since: str | None = None
    until: str | None = None
    removed: bool = False
    deprecated: bool = False
    instead: str = ""
    needs_file: bool = False
    offered: bool = True

    def missing_in(self, version: Version) -> bool:
        """Whether that CANN is known not to have it."""
        early = self.since is not None and version < Version.parse(self.since)
        late = self.until is not None and version > Version.parse(self.until)
        return early or late


def _foreign(default: str = "", *, values: tuple[str, ...] = (), needs_file: bool = False) -> Flag:
    return Flag(values=values, default=default, needs_file=needs_file, offered=False)


_COMPILATION: dict[str, Flag] = {
    "framework": Flag(values=("0", "1", "3", "5")),
    "model": Flag(needs_file=True),
    "output": Flag(),
    "soc_version": Flag(),
    "input_format": Flag(values=("NCHW", "ND", "NCDHW"), default="NCHW"),
    "input_shape": Flag(),
    "dynamic_batch_size": Flag(),
    "dynamic_image_size": Flag(),
    "dynamic_dims": Flag(),
    "precision_mode": Flag(values=PRECISION_MODES, default="force_fp16"),
    "precision_mode_v2": Flag(values=PRECISION_MODES_V2, default="fp16"),
    "modify_mixlist": Flag(needs_file=True),
    "keep_dtype": Flag(needs_file=True),
    "customize_dtypes": Flag(needs_file=True),
    "op_precision_mode": Flag(needs_file=True),
    "op_select_implmode": Flag(
        values=_IMPLMODES, default="high_performance", deprecated=True, instead="--op_precision_mode"
    ),
    "optypelist_for_implmode": Flag(deprecated=True, instead="--op_precision_mode"),
    "output_type": Flag(),
    "out_nodes": Flag(),
    "input_fp16_nodes": Flag(),
    "insert_op_conf": Flag(needs_file=True),
    "enable_small_channel": Flag(values=_ZERO_ONE, default="0"),
    "fusion_switch_file": Flag(needs_file=True),
    "buffer_optimize": Flag(values=("l1_optimize", "l2_optimize", "off_optimize"), default="l2_optimize"),
    "deterministic": Flag(values=_ZERO_ONE, default="0"),
    "deterministic_level": Flag(values=("0", "1", "2", "3"), default="0", families=("310P", "910", "A2", "A3", "950")),
    "external_weight": Flag(values=("0", "1", "2"), default="0"),
    "sparsity": Flag(values=_ZERO_ONE, default="0", families=("310B", "A2", "A3")),
    "virtual_type": Flag(values=_ZERO_ONE, default="0"),
    "aicore_num": Flag(),
    "core_type": Flag(values=("AiCore", "VectorCore"), default="AiCore", families=("310P",)),
    "disable_reuse_memory": Flag(values=_ZERO_ONE, default="0"),
    "jit_compile": Flag(values=("0", "1", "2"), default="1"),
    "host_env_os": Flag(),
    "host_env_cpu": Flag(),
    "status_check": Flag(values=_ZERO_ONE, default="0", families=("310B", "310P", "910")),
}
"""What decides the result: fields of `CompileOptions`, and the files that it is made from."""

_RUN: dict[str, Flag] = {
    "mode": Flag(values=("0", "1", "3", "5", "6", "7", "30"), default="0"),
    "log": Flag(values=("debug", "info", "warning", "error", "null"), default="null"),
    "op_debug_level": Flag(values=("0", "1", "2", "3", "4"), default="0"),
    "op_compiler_cache_mode": Flag(values=("disable", "enable", "force"), default="disable"),
    "op_compiler_cache_dir": Flag(default="$HOME/atc_data"),
    "check_report": Flag(default="check_result.json"),
}
"""What concerns a run alone: fields of `RunOptions`."""

_OLD: dict[str, Flag] = {
    "input_shape_range": Flag(deprecated=True, instead="--input_shape with ranges (1~10)", offered=False),
    "shape_generalized_build_mode": Flag(
        values=("shape_generalized", "shape_precise"), default="shape_precise", deprecated=True, offered=False
    ),
    "auto_tune_mode": Flag(removed=True, instead="the tool aoe", offered=False),
}

_FOREIGN: dict[str, Flag] = {
    "help": _foreign(),
    "weight": _foreign(needs_file=True),
    "om": _foreign(needs_file=True),
    "json": _foreign(),
    "singleop": _foreign(needs_file=True),
    "display_model_info": _foreign("0", values=_ZERO_ONE),
    "compression_optimize_conf": _foreign(needs_file=True),
    "compress_weight_conf": _foreign(needs_file=True),
    "cal_conf": _foreign(needs_file=True),
    "op_name_map": _foreign(needs_file=True),
    "op_debug_config": _foreign(needs_file=True),
    "cluster_config": _foreign(needs_file=True),
    "hccl_sub_comm_config": _foreign(needs_file=True),
    "raw_ge_options": _foreign(needs_file=True),
    "ac_parallel_enable": _foreign(),
    "allow_hf32": _foreign(),
    "atomic_clean_policy": _foreign(),
    "build_config": _foreign(),
    "debug_dir": _foreign(),
    "device_id": _foreign(),
    "dump_mode": _foreign(),
    "enable_attr_compression": _foreign(),
    "enable_compress_weight": _foreign(),
    "enable_scope_fusion_passes": _foreign(),
    "enable_single_stream": _foreign(),
    "export_compile_stat": _foreign(),
    "h2d_overlapped_with_compute": _foreign(),
    "input_hint_shape": _foreign(),
    "is_input_adjust_hw_layout": _foreign(),
    "is_output_adjust_hw_layout": _foreign(),
    "is_weight_clip": _foreign(),
    "mdl_bank_path": _foreign(),
    "multi_stream_parallel_mode": _foreign(),
    "oo_constant_folding": _foreign(),
    "oo_dead_code_elimination": _foreign(),
    "oo_level": _foreign(),
    "op_bank_path": _foreign(),
    "optimization_switch": _foreign(),
    "quant_dumpable": _foreign(),
    "raw_ge_options_ignore_unsupported": _foreign(),
    "save_original_model": _foreign(),
    "static_model_ops_lower_limit": _foreign(),
    "target": _foreign(),
    "tiling_schedule_optimize": _foreign(),
    "topo_sorting_mode": _foreign(),
}

FLAGS: Mapping[str, Flag] = MappingProxyType({**_COMPILATION, **_RUN, **_OLD, **_FOREIGN})
"""Flag -> what is known of it."""

RUN_FLAGS = frozenset(_RUN)


class RunOptions(Value):
    """How one run of `atc` behaves; none of it changes the result. Unset fields keep ATC's defaults.

    `mode` 0 builds, 1 writes a model as JSON, 3 checks only, 6 shows an `.om`. `op_compiler_cache_dir` and
    `check_report` are paths of letters, digits and `_-./`.
    """

    mode: Literal[0, 1, 3, 5, 6, 7, 30] | None = None
    log: Literal["debug", "info", "warning", "error", "null"] | None = None
    op_debug_level: Literal[0, 1, 2, 3, 4] | None = None
    op_compiler_cache_mode: Literal["disable", "enable", "force"] | None = None
    op_compiler_cache_dir: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{1,4000}$")] | None = None
    check_report: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{1,4000}$")] | None = None

    def arguments(self) -> list[str]:
        """The flags that are given, spelt for `atc`."""
        given = ((name, getattr(self, name)) for name in type(self).model_fields)
        return [f"--{name}={value}" for name, value in given if value is not None]
