"""Every fault by name: those of the development half, and those of the held-out half.

Here belong names, families and parameters. Not here: how a fault is planted (`faults_*.py`), or in which network
(`corpus.py`). Held-out faults have other parameters than any of the development half, and some are of a kind that it
does not have.
"""

from dataclasses import replace

from benchmarks.repair import faults_constants as constants
from benchmarks.repair import faults_conversion as conversion
from benchmarks.repair import faults_numbers as numbers
from benchmarks.repair import faults_operators as operators
from benchmarks.repair import faults_options as options
from benchmarks.repair import faults_range as ranges
from benchmarks.repair.faults import Fault, block, written

FLOAT32_MIN = -3.4028234663852886e38

_DEVELOPMENT = (
    # what ATC refuses
    Fault("opset_19", "opset", graft=conversion.opset(19)),
    Fault("opset_20", "opset", graft=conversion.opset(20)),
    Fault("opset_22", "opset", graft=conversion.opset(22)),
    written("gelu_20", "operators", opset=20, gelu="onnx"),
    written("group_norm_21", "operators", opset=21, group_norm="onnx"),
    written("microsoft_gelu", "operators", gelu="microsoft"),
    Fault("ort_optimised", "operators", graft=conversion.optimised),
    Fault("fused_matmul", "operators", graft=conversion.fused_matmul),
    Fault("function_relu", "operators", graft=conversion.local_functions("local.layers", "Activation", "Relu")),
    block("einsum_three", "einsum", operators.einsum("nid,de,ef->nif")),
    Fault("spare_domain", "domains", graft=conversion.spare_domain("ai.onnx.ml", 3)),
    Fault("spare_microsoft", "domains", graft=conversion.spare_domain("com.microsoft", 1)),
    Fault("open_batch_and_length", "inputs", graft=conversion.open_sizes((0, 1))),
    Fault("open_image", "inputs", graft=conversion.open_sizes((0, 2, 3))),
    Fault("byte_image", "dtypes", graft=conversion.byte_image, tolerance=2e-2),
    Fault("bfloat16", "dtypes", graft=conversion.bfloat16, tolerance=5e-2),
    Fault("wrong_sizes", "inputs", graft=options.wrong_sizes(2)),
    Fault("wrong_name", "inputs", graft=options.wrong_name("input_tensor")),
    Fault("soc_without_prefix", "soc", graft=options.given("--soc", "310P3")),
    Fault("soc_in_small", "soc", graft=options.given("--soc", "ascend310p3")),
    Fault("bf16_mode", "options", graft=options.given("--precision-mode", "allow_mix_precision_bf16")),
    # what goes wrong in FP16
    written("mask_float32_min", "constants", mask_value=FLOAT32_MIN),
    written("mask_1e9", "constants", mask_value=-1e9),
    written("mask_where_1e9", "constants", mask_value=-1e9, masked="where"),
    written("mask_subtract_1e30", "constants", mask_value=-1e30, masked="subtract"),
    written("mask_9e15", "constants", mask_value=-9e15, masked="where"),
    block("filled_minimum_1e9", "constants", constants.filled_minimum(1e9)),
    block("filled_maximum_min", "constants", constants.filled_maximum(FLOAT32_MIN)),
    block("masked_softmax_1e9", "constants", constants.masked_softmax(-1e9)),
    block("dead_l2_1e12", "epsilon", numbers.dead_l2_norm(1e-12)),
    block("dead_layer_norm_1e12", "epsilon", numbers.dead_layer_norm(1e-12)),
    block("dead_written_norm_1e8", "epsilon", numbers.dead_layer_norm(1e-8, "pow")),
    block("dead_instance_1e9", "epsilon", numbers.dead_layer_norm(1e-9, "instance")),
    block("log_1e9", "epsilon", numbers.log_guard(1e-9)),
    block("quiet_norm", "epsilon", numbers.quiet_layer_norm(2e-4, 1e-9)),
    block("large_layer_norm", "patterns", numbers.large_layer_norm(400.0)),
    block("large_layer_norm_mul", "patterns", numbers.large_layer_norm(300.0, by_pow=False)),
    block("large_rms_norm", "patterns", numbers.large_rms_norm(500.0)),
    block("large_l2", "patterns", numbers.large_l2_norm(15000.0)),
    block("large_sum_square", "patterns", numbers.large_l2_norm(90.0, "ReduceSumSquare")),
    block("written_softmax", "patterns", numbers.written_softmax(14.0)),
    block("moments", "patterns", numbers.moments(60.0)),
    block("power_mean", "patterns", numbers.power_mean(3.0, 40.0)),
    block("cubic_gelu", "patterns", numbers.cubic_gelu(40.0)),
    block("long_sum", "accumulation", numbers.long_sum(8000.0)),
    block("growing_residual", "accumulation", numbers.growing_residual(2e5, fused=True)),
    block("late_scale", "accumulation", numbers.late_scale(150.0)),
    block("far_softplus", "overflow", ranges.far_softplus(1e5)),
    # what nobody can repair unattended
    Fault("loop", "operators", graft=operators.refined, unattended=False),
    block("unpooled", "operators", operators.unpooled, unattended=False),
    block("data_resize", "resize", operators.data_resize, unattended=False),
)

_HELD_OUT = (
    Fault("opset_21", "opset", graft=conversion.opset(21)),
    Fault("opset_23", "opset", graft=conversion.opset(23)),
    written("gelu_20_tf", "operators", opset=20, gelu="onnx", naming="tf"),
    written("group_norm_22", "operators", opset=22, group_norm="onnx"),
    block("quick_gelu", "operators", operators.quick_gelu),
    Fault("function_sigmoid", "operators", graft=conversion.local_functions("pkg.nn.modules", "Gate", "Sigmoid")),
    Fault(
        "function_tanh", "operators", graft=conversion.local_functions("pkg.onnxscript.torch_lib", "aten_tanh", "Tanh")
    ),
    Fault("weight_only_int8", "operators", graft=conversion.weight_only_quantised),
    block("bilinear_einsum", "einsum", operators.bilinear),
    Fault("spare_custom", "domains", graft=conversion.spare_domain("my.company.ops", 2)),
    Fault("open_all", "inputs", graft=conversion.open_sizes((0, 1, 2, 3))),
    Fault("wrong_rank", "inputs", graft=options.wrong_rank),
    Fault("wrong_sizes_3", "inputs", graft=options.wrong_sizes(3)),
    Fault("wrong_name_x", "inputs", graft=options.wrong_name("x0")),
    Fault("soc_upper", "soc", graft=options.given("--soc", "ASCEND310P3")),
    Fault("soc_short_910", "soc", graft=options.given("--soc", "910b3")),
    Fault("bf16_v2_mode", "options", graft=options.given("--precision-mode-v2", "mixed_bfloat16")),
    written("mask_1e10_where", "constants", mask_value=-1e10, masked="where"),
    written("mask_1e30", "constants", mask_value=-1e30),
    written("mask_subtract_65500x4", "constants", mask_value=-262000.0, masked="subtract"),
    block("filled_maximum_1e30", "constants", constants.filled_maximum(-1e30)),
    block("filled_minimum_1e6", "constants", constants.filled_minimum(1e6)),
    block("masked_softmax_min", "constants", constants.masked_softmax(FLOAT32_MIN, "subtract")),
    block("padded_pool_1e9", "constants", constants.padded_pool(-1e9)),
    block("class_offset_7680", "accumulation", constants.class_offset(7680.0)),
    block("dead_l2_1e8_clip", "epsilon", numbers.dead_l2_norm(1e-8, "Clip")),
    block("dead_l2_1e10_add", "epsilon", numbers.dead_l2_norm(1e-10, "Add")),
    block("dead_layer_norm_1e8", "epsilon", numbers.dead_layer_norm(1e-8)),
    block("dead_written_norm_1e12", "epsilon", numbers.dead_layer_norm(1e-12, "mul")),
    block("dead_instance_1e12", "epsilon", numbers.dead_layer_norm(1e-12, "instance")),
    block("cosine_1e8", "epsilon", numbers.cosine_guard(1e-8)),
    block("log_1e12", "epsilon", numbers.log_guard(1e-12)),
    block("quiet_norm_1e10", "epsilon", numbers.quiet_layer_norm(1e-4, 1e-10)),
    block("large_layer_norm_900", "patterns", numbers.large_layer_norm(900.0)),
    block("large_rms_norm_1500", "patterns", numbers.large_rms_norm(1500.0)),
    block("large_l2_pow", "patterns", numbers.large_l2_norm(200.0, "Pow")),
    block("written_softmax_22", "patterns", numbers.written_softmax(22.0)),
    block("log_sum_exp", "patterns", numbers.written_log_sum_exp(10.0)),
    block("moments_200", "patterns", numbers.moments(200.0)),
    block("power_mean_4", "patterns", numbers.power_mean(4.0, 20.0)),
    block("cubic_gelu_70", "patterns", numbers.cubic_gelu(70.0)),
    block("squared_distances", "patterns", ranges.squared_distances(300.0)),
    block("long_sum_2e4", "accumulation", numbers.long_sum(20000.0)),
    block("long_cumsum", "accumulation", numbers.long_cumsum(9000.0)),
    block("growing_residual_1e6", "accumulation", numbers.growing_residual(1e6, fused=False)),
    block("late_scale_250", "accumulation", numbers.late_scale(250.0)),
    block("far_softplus_3e5", "overflow", ranges.far_softplus(3e5)),
    block("clipped_exponent", "overflow", ranges.clipped_exponent(8.0, 20.0)),
    block("clipped_inverse", "overflow", ranges.clipped_inverse(1e-6)),
    block("large_angle", "rounding", ranges.large_angle(4000.0)),
    block("quiet_detour", "rounding", ranges.quiet_detour(1e-8)),
    block("written_softplus", "overflow", ranges.written_softplus(18.0)),
    block("layer_scale", "rounding", ranges.layer_scale(1e-7)),
    Fault("opset_10", "opset", graft=conversion.relabelled(10)),
    Fault("both_default_domains", "domains", graft=conversion.spare_domain("ai.onnx", 17)),
    Fault("fake_quantised", "operators", graft=operators.fake_quantised, unattended=False),
    block("constant_branch", "operators", operators.constant_branch),
    replace(
        block("nonzero_310", "dynamic", operators.nonzero, unattended=False), graft=options.given("--soc", "Ascend310")
    ),
    block("huge_weights", "constants", ranges.huge_weights(4e5), unattended=False),
    block("data_resize_held_out", "resize", operators.data_resize, unattended=False),
    Fault("loop_held_out", "operators", graft=operators.refined, unattended=False),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in (*_DEVELOPMENT, *_HELD_OUT)}
"""Every fault by its name."""
DEVELOPMENT: tuple[str, ...] = tuple(fault.name for fault in _DEVELOPMENT)
HELD_OUT: tuple[str, ...] = tuple(fault.name for fault in _HELD_OUT)
