"""Options of ATC that the emulator takes and cannot honour: refused, or warned of, and never silently ignored.

Refused is what changes the model's inputs, outputs or numbers in a way that the emulator does not compute. A warning
goes with what it leaves out of numbers or times. Options without influence on either (`buffer_optimize`,
`deterministic`, `external_weight`, `fusion_switches`: the emulator fuses nothing) are silent.
"""

from collections.abc import Iterator

from resources.ascend.emulator.messages import diagnostic
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Diagnostic

_SOLUTION = "Leave the option out, or run on a machine with CANN, with the toolchain cann: ASCEND_TOOLCHAIN=cann."

_REFUSED = {
    "aipp": ("insert_op_conf", "images would have to be cropped, converted and scaled as AIPP does it"),
    "customize_dtypes": ("customize_dtypes", "single operators would have to compute in types of their own"),
    "output_type": ("output_type", "outputs would have to be of another type than the model's"),
    "out_nodes": ("out_nodes", "the model would have to end at other nodes"),
    "input_fp16_nodes": ("input_fp16_nodes", "inputs would have to be float16 in the layout NC1HWC0"),
}
_INACCURATE = "Numbers are those without it, and may differ on a device."
_UNTIMED = "Estimated times are those without it."
_WARNED = {
    "op_precision_mode": _INACCURATE,
    "op_select_implmode": _INACCURATE,
    "enable_small_channel": _UNTIMED,
    "sparsity": _UNTIMED,
    "virtual_type": _UNTIMED,
    "aicore_num": _UNTIMED,
    "core_type": _UNTIMED,
}


def judge(options: CompileOptions) -> Iterator[Diagnostic]:
    """Refusals first, then warnings, each naming the flag and what to do. Pure."""
    for name, (flag, reason) in _REFUSED.items():
        if getattr(options, name):
            yield diagnostic("EX0006", flag, reason, solution=_SOLUTION)
    if "hif8" in (options.precision_mode_v2 or ""):
        reason = f"{options.precision_mode_v2} computes in hifloat8, which Ascend 950 alone has"
        yield diagnostic("EX0006", "precision_mode_v2", reason, solution="Choose a mode with fp16.")
    for name, effect in _WARNED.items():
        if getattr(options, name):
            yield diagnostic("WX0003", name, effect, solution="See it on a device, with the toolchain cann.")
