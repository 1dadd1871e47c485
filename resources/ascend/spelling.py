"""How ATC spells options on its command line.

Here belongs the one direction, from typed options to values of flags, and the whole command for a person to read. Not
here: the other direction (`cann/options/command.py`), or files (`cann/options/option_files.py`).
"""

from collections.abc import Mapping
from pathlib import Path

from resources.ascend.options import CompileOptions

FILE_OPTIONS = {
    "keep_dtype": "keep_dtype",
    "modify_mixlist": "modify_mixlist",
    "op_precision_mode": "op_precision_mode",
    "customize_dtypes": "customize_dtypes",
    "insert_op_conf": "aipp",
    "fusion_switch_file": "fusion_switches",
}
"""ATC's flags that name a file -> the option that holds its content."""

_BOOLEANS = (
    "enable_small_channel",
    "deterministic",
    "sparsity",
    "virtual_type",
    "disable_reuse_memory",
    "status_check",
)
_WORDS = ("op_select_implmode", "buffer_optimize", "core_type", "host_env_os", "host_env_cpu")


def command(options: CompileOptions, model: Path | str, output: Path | str) -> list[str]:
    """The equivalent `atc` command, for reading and for rebuilding by hand.

    An option that ATC reads from a file stands as `--keep_dtype=<file>`: its content is in the options.
    """
    given = {"framework": "5", "model": str(model), "output": str(output).removesuffix(".om"), **spelt(options)}
    files = [f"--{flag}=<file>" for flag, name in FILE_OPTIONS.items() if getattr(options, name)]
    return ["atc", *(f"--{flag}={value}" for flag, value in given.items()), *files]


def spelt(options: CompileOptions) -> dict[str, str]:
    """Flag -> its value, in a fixed order, only where an option is given. Together they tell every option apart."""
    values: dict[str, str] = {
        "soc_version": options.soc_version,
        "input_format": options.input_format,
        "input_shape": _shapes(options),
        "precision_mode": options.precision_mode or "",
        "precision_mode_v2": options.precision_mode_v2 or "",
        "dynamic_batch_size": ",".join(map(str, options.dynamic_batch_size)),
        "dynamic_image_size": ";".join(f"{height},{width}" for height, width in options.dynamic_image_size),
        "dynamic_dims": ";".join(",".join(map(str, gear)) for gear in options.dynamic_dims),
        "optypelist_for_implmode": ",".join(options.optypelist_for_implmode),
        "output_type": _output_type(options.output_type),
        "out_nodes": ";".join(options.out_nodes),
        "input_fp16_nodes": ";".join(options.input_fp16_nodes),
        "deterministic_level": str(options.deterministic_level or ""),
        "external_weight": str(options.external_weight or ""),
        "aicore_num": _cores(options.aicore_num),
        "jit_compile": "" if options.jit_compile is None else str(options.jit_compile),
    }
    values |= {name: getattr(options, name) or "" for name in _WORDS}
    values |= {name: "1" if getattr(options, name) else "" for name in _BOOLEANS}
    return {flag: value for flag, value in values.items() if value}


def _shapes(options: CompileOptions) -> str:
    entries = [f"{name}:{','.join(map(str, dims))}" for name, dims in options.input_shape.items()]
    for name, dims in options.input_shape_range.items():
        axes = (str(dim) if isinstance(dim, int) else f"{dim[0]}~{dim[1]}" for dim in dims)
        entries.append(f"{name}:{','.join(axes)}")
    return ";".join(entries)


def _output_type(given: Mapping[str, str] | str | None) -> str:
    if given is None or isinstance(given, str):
        return given or ""
    return ";".join(f"{node}:{kind}" for node, kind in given.items())


def _cores(given: tuple[int, ...]) -> str:
    """`24|48`, or `10|` where only the AI cores are counted."""
    return "|".join((*map(str, given), "")[:2]) if given else ""
