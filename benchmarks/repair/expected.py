"""Which rule of a diagnosis says what was planted.

Here belongs the one place that knows the rules by name: an answer counts as right when the id of its rule matches. Not
here: what was planted (`catalogue.py`). The patterns were written from what is wrong with a model, and are narrow: a
rule that only says that something overflows is no explanation of a mask.
"""

import re
from collections.abc import Iterable

from benchmarks.repair.outcomes import Named

FAMILIES: dict[str, str] = {
    "opset": r"opset\.",
    "operators": r"operators\.",
    "einsum": r"einsum\.",
    "domains": r"domains\.(unneeded|several)",
    "inputs": r"inputs\.",
    "dtypes": r"dtypes\.|integers\.",
    "dynamic": r"dynamic\.",
    "resize": r"resize\.",
    "soc": r"soc\.",
    "options": r"options\.",
    "environment": r"environment\.",
    "constants": r"fp16_constants\.(mask|factor|fill|bound|operand|scale)$",
    "epsilon": r"fp16_epsilon\.(lost|guard_lost|near_one)$",
    "patterns": r"fp16_patterns\.",
    "accumulation": r"fp16_overflow\.(sum|product|stream)|fp16_patterns\.scaled_after",
    "overflow": r"fp16_overflow\.value|fp16_patterns\.(exponential|division|scaled_around)",
    "rounding": r"fp16_patterns\.(periodic|scaled_around|cancellation)|fp16_overflow\.underflow",
}
"""Family -> what the id of a rule begins with."""

FAULTS: dict[str, str] = {
    **dict.fromkeys(("gelu_20", "gelu_20_tf", "group_norm_21", "group_norm_22"), r"operators\.|opset\.too_new"),
    **dict.fromkeys(("loop", "loop_held_out"), r"operators\.(constant_)?control_flow"),
    **dict.fromkeys(("data_resize", "data_resize_held_out"), r"resize\.sizes_from_data"),
    **dict.fromkeys(("microsoft_gelu", "ort_optimised", "fused_matmul", "quick_gelu"), r"operators\.contrib"),
    **dict.fromkeys(("function_relu", "function_sigmoid"), r"operators\.local_function"),
    "function_tanh": r"operators\.(local_function|torch_lib)",
    "weight_only_int8": r"operators\.quantized",
    **dict.fromkeys(
        ("large_layer_norm", "large_layer_norm_mul", "large_layer_norm_900"), r"fp16_patterns\.layer_norm$"
    ),
    **dict.fromkeys(("large_rms_norm", "large_rms_norm_1500"), r"fp16_patterns\.rms_norm"),
    **dict.fromkeys(("large_l2", "large_sum_square", "large_l2_pow"), r"fp16_patterns\.(l2_norm|square_sum)"),
    **dict.fromkeys(("written_softmax", "written_softmax_22"), r"fp16_patterns\.softmax"),
    "log_sum_exp": r"fp16_patterns\.log_sum_exp",
    **dict.fromkeys(("moments", "moments_200"), r"fp16_patterns\.variance"),
    **dict.fromkeys(("power_mean", "power_mean_4", "cubic_gelu", "cubic_gelu_70"), r"fp16_patterns\.power"),
    "squared_distances": r"fp16_patterns\.(square_sum|l2_norm|power)|fp16_overflow\.sum",
    "quiet_norm": r"fp16_epsilon\.guard_lost|fp16_overflow\.underflow",
    "quiet_norm_1e10": r"fp16_epsilon\.guard_lost|fp16_overflow\.underflow",
    "class_offset_7680": r"fp16_constants\.(factor|scale|operand)|fp16_overflow\.|fp16_patterns\.cancellation",
    **dict.fromkeys(("far_softplus", "far_softplus_3e5"), r"fp16_patterns\.scaled_around|fp16_constants\.scale"),
    "written_softplus": r"fp16_patterns\.(logistic|log_sum_exp|exponential)|fp16_overflow\.value",
    "layer_scale": r"fp16_(patterns|overflow|constants|epsilon)\.",
    "opset_10": r"opset\.",
    "both_default_domains": r"domains\.",
    "fake_quantised": r"operators\.quantized",
    "constant_branch": r"operators\.constant_control_flow",
    "nonzero_310": r"dynamic\.",
    "huge_weights": r"fp16_constants\.weight|fp16_overflow\.",
    "quiet_detour": r"fp16_patterns\.scaled_around|fp16_overflow\.underflow|fp16_constants\.scale",
}
"""Fault -> the same, where its family would say too little or too much."""


def pattern(fault: str, family: str) -> str:
    """What the id of a rule that explains a fault begins with."""
    return FAULTS.get(fault, FAMILIES[family])


def first(causes: Iterable[Named], patterns: Iterable[str]) -> bool:
    """Whether the most confident cause is one of the planted faults."""
    top = next(iter(causes), None)
    return top is not None and any(re.match(one, top.rule) for one in patterns)


def every(causes: Iterable[Named], patterns: Iterable[str], least: float) -> bool:
    """Whether each planted fault is among the causes of at least that confidence."""
    sure = [cause for cause in causes if cause.confidence >= least]
    return all(any(re.match(one, cause.rule) for cause in sure) for one in patterns)


def any_of(causes: Iterable[Named], patterns: Iterable[str], least: float) -> bool:
    """Whether one planted fault is among the causes of at least that confidence."""
    sure = [cause for cause in causes if cause.confidence >= least]
    return any(re.match(one, cause.rule) for cause in sure for one in patterns)
