"""The corpus: which network gets which fault, and which networks are healthy. Deterministic: built from seeds alone.

Here belong the cases and how one becomes a file. Not here: the networks, the faults, or judging an answer. The
held-out half has other architectures, other parameters and partly other faults; nothing was ever tuned on it.
"""

import zlib
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.repair import healthy, held_out_networks, networks
from benchmarks.repair.catalogue import FAULTS
from benchmarks.repair.faults import Fault, Sample
from benchmarks.repair.style import Block, Gelu, Masked, Naming, Norm, Style

Half = Literal["development", "held_out", "random"]
NETWORKS = {**networks.NETWORKS, **held_out_networks.NETWORKS}

_NAMING: tuple[Naming, ...] = ("torch", "none", "tf", "plain")
_NORMS: tuple[Norm, ...] = ("written", "fused", "written_mul")


@dataclass(frozen=True)
class Case:
    """One model of the corpus.

    `faults`: names in the catalogue, none for a healthy one. `blocks`: what only looks like a fault. `argv`: options
    that are right.
    """

    half: Half
    network: str
    faults: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    argv: tuple[str, ...] = ()
    style: Style | None = None

    @property
    def name(self) -> str:
        """Unique within the corpus."""
        looks = [getattr(block, "__name__", "block") for block in self.blocks]
        return "-".join([self.network, *(self.faults or (["healthy", *looks]))])

    @property
    def planted(self) -> tuple[Fault, ...]:
        """The faults themselves."""
        return tuple(FAULTS[name] for name in self.faults)

    @property
    def unattended(self) -> bool:
        """Whether it can be repaired without a person."""
        return all(fault.unattended for fault in self.planted)


def build(case: Case) -> Sample:
    """The case as a file to hand in. Raises `ValueError` where a fault finds nothing to spoil in the network."""
    style = case.style or _style(case)
    style = replace(style, sites=(*style.sites, *case.blocks))
    for fault in case.planted:
        style = fault.style(style) if fault.style else style
    model, net = NETWORKS[case.network](style)
    sample = Sample(model, case.argv, net.feeds)
    for fault in case.planted:
        sample = fault.graft(sample) if fault.graft else sample
    return sample


def _style(case: Case) -> Style:
    """How an exporter might write it: drawn from the case's name, so that cases do not depend on each other."""
    draw = zlib.crc32(f"{case.half}/{case.name}/{case.argv}".encode())
    masked: Masked = ("multiply", "where", "subtract")[draw // 7 % 3]
    gelu: Gelu = ("erf", "tanh")[draw // 11 % 2]
    return Style(
        naming=_NAMING[draw % 4],
        constant_nodes=bool(draw // 3 % 2),
        norm=_NORMS[draw // 5 % 3],
        masked=masked,
        gelu=gelu,
        size=draw // 13 % 2,
        seed=draw,
    )


def _cases(half: Half, rows: str) -> tuple[Case, ...]:
    """One case per line: the network, then its faults."""
    cases = []
    for row in rows.split("\n"):
        words = row.split()
        if words:
            cases.append(Case(half, words[0], tuple(words[1:])))
    return tuple(cases)


_DEVELOPMENT = _cases(
    "development",
    """
    resnet opset_19
    mobilenet opset_20
    lstm opset_22
    vit gelu_20
    unet group_norm_21
    bert microsoft_gelu
    vit ort_optimised
    detr fused_matmul
    tcn function_relu
    gat einsum_three
    resnet spare_domain
    dlrm spare_microsoft
    bert open_batch_and_length
    unet open_image
    mobilenet byte_image
    bert bfloat16
    yolo wrong_sizes
    vit wrong_name
    resnet soc_without_prefix
    unet soc_in_small
    detr bf16_mode
    bert mask_float32_min
    bert mask_1e9
    gat mask_where_1e9
    bert mask_subtract_1e30
    gat mask_9e15
    yolo filled_minimum_1e9
    tcn filled_maximum_min
    detr masked_softmax_1e9
    dlrm dead_l2_1e12
    vit dead_layer_norm_1e12
    lstm dead_written_norm_1e8
    unet dead_instance_1e9
    gat log_1e9
    tcn quiet_norm
    vit large_layer_norm
    detr large_layer_norm_mul
    tcn large_rms_norm
    resnet large_l2
    gat large_sum_square
    dlrm written_softmax
    tcn moments
    resnet power_mean
    vit cubic_gelu
    unet long_sum
    bert growing_residual
    detr late_scale
    mobilenet far_softplus
    vit opset_22 large_layer_norm
    bert spare_domain mask_1e9
    gat einsum_three mask_9e15
    unet byte_image long_sum
    tcn function_relu dead_l2_1e12
    tcn wrong_name written_softmax
    bert mask_1e9 dead_layer_norm_1e12
    lstm loop
    unet unpooled
    yolo data_resize
    """,
)

_HELD_OUT = _cases(
    "held_out",
    """
    efficientnet opset_21
    convnext opset_23
    gpt gelu_20_tf
    deeplab group_norm_22
    speech quick_gelu
    efficientnet function_sigmoid
    crnn function_tanh
    pointnet weight_only_int8
    convnext ort_optimised
    din bilinear_einsum
    retina spare_custom
    t5 open_all
    deeplab open_image
    retina byte_image
    gpt bfloat16
    speech wrong_rank
    din wrong_sizes_3
    efficientnet wrong_name_x
    pointnet soc_upper
    gpt soc_short_910
    convnext bf16_v2_mode
    gpt mask_1e10_where
    t5 mask_1e30
    din mask_subtract_65500x4
    gpt mask_float32_min
    pointnet filled_maximum_1e30
    retina filled_minimum_1e6
    speech masked_softmax_min
    crnn padded_pool_1e9
    retina class_offset_7680
    din dead_l2_1e8_clip
    pointnet dead_l2_1e10_add
    speech dead_layer_norm_1e8
    convnext dead_written_norm_1e12
    generator dead_instance_1e12
    gpt cosine_1e8
    crnn log_1e12
    t5 quiet_norm_1e10
    speech large_layer_norm_900
    t5 large_rms_norm_1500
    pointnet large_l2_pow
    crnn written_softmax_22
    retina log_sum_exp
    speech moments_200
    deeplab power_mean_4
    convnext cubic_gelu_70
    pointnet squared_distances
    retina long_sum_2e4
    crnn long_cumsum
    gpt growing_residual_1e6
    speech late_scale_250
    generator far_softplus_3e5
    retina clipped_exponent
    din clipped_inverse
    t5 large_angle
    convnext quiet_detour
    gpt opset_21 mask_1e30
    t5 spare_custom large_rms_norm_1500
    speech bilinear_einsum dead_layer_norm_1e8
    retina byte_image clipped_exponent
    crnn function_tanh written_softmax_22
    pointnet wrong_rank squared_distances
    din mask_1e10_where dead_l2_1e8_clip
    generator written_softplus
    pointnet layer_scale
    pointnet opset_10
    retina both_default_domains
    efficientnet fake_quantised
    convnext constant_branch
    speech nonzero_310
    t5 huge_weights
    deeplab data_resize_held_out
    gpt loop_held_out
    """,
)


def _well(half: Half, network: str, *blocks: Block, argv: tuple[str, ...] = (), style: Style | None = None) -> Case:
    return Case(half, network, (), blocks, argv, style)


_HEALTHY = (
    _well("development", "resnet"),
    _well("development", "unet", healthy.wide_clip),
    _well("development", "mobilenet", argv=("--soc", "Ascend310B4")),
    _well("development", "yolo", healthy.open_slice),
    _well("development", "vit", healthy.harmless_epsilon(1e-12)),
    _well("development", "bert", healthy.far_comparison, argv=("--precision-mode", "allow_mix_precision")),
    _well("development", "lstm", healthy.safe_softmax),
    _well("development", "gat", healthy.modest_mask(-65504.0)),
    _well("development", "tcn", healthy.index_arithmetic, style=Style(opset=15, naming="none", seed=4)),
    _well("development", "dlrm", style=Style(opset=13, seed=5)),
    _well("development", "detr", argv=("--soc", "Ascend910B3")),
    _well("held_out", "convnext", healthy.open_slice),
    _well("held_out", "efficientnet", argv=("--soc", "Ascend310")),
    _well("held_out", "deeplab", healthy.wide_clip, style=Style(opset=16, naming="tf", seed=6)),
    _well("held_out", "gpt", healthy.two_factor_einsum),
    _well("held_out", "t5", healthy.modest_mask(-1e4), style=Style(epsilon=1e-6, seed=8)),
    _well("held_out", "crnn", healthy.far_comparison),
    _well("held_out", "speech", argv=("--precision-mode", "must_keep_origin_dtype")),
    _well("held_out", "pointnet", healthy.harmless_epsilon(1e-8)),
    _well("held_out", "generator"),
    _well("held_out", "din", healthy.safe_softmax, style=Style(opset=14, seed=9, mask_value=-6e4)),
    _well("held_out", "retina", healthy.index_arithmetic, argv=("--soc", "Ascend910A")),
)

CORPUS: tuple[Case, ...] = (*_DEVELOPMENT, *_HELD_OUT, *_HEALTHY)
"""Every model of the corpus."""
