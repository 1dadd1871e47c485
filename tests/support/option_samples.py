"""Compile options at random, all legal: what property tests of their spelling and files draw from."""

from typing import Any

from hypothesis import strategies as st

from resources.ascend.aipp import DynamicAipp, StaticAipp
from resources.ascend.option_values import CustomDtypes, MixList, OpPrecision
from resources.ascend.options import CompileOptions

OP_TYPES = st.sampled_from(("Conv2D", "MatMulV2", "LayerNorm", "Softmax", "Gelu"))
_MARKS = "abcXYZ019_/.:[]()%$&!?*+<>|{}@^`~,#é中 "
NAMES = st.text(_MARKS, min_size=1, max_size=12).filter(lambda name: name == name.strip())
PLAIN_NAMES = st.text("abcXYZ019_/.é中", min_size=1, max_size=12)
INI_NAMES = NAMES.filter(lambda name: name[0] not in "[#;")
MODES = st.sampled_from(("high_precision", "high_performance", "keep_fp16", "super_performance"))
HALVES = st.floats(-65504, 65504, width=16).filter(lambda value: value != 0)
_DIMS = st.lists(st.integers(-1, 4096), max_size=5).map(tuple)
_RANGES = st.tuples(st.integers(1, 64), st.integers(0, 64)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def tuples(items: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=most).map(tuple)


def _ranged(draw: st.DrawFn) -> dict[str, Any]:
    shapes = draw(st.dictionaries(NAMES, _DIMS, max_size=3))
    ranged = draw(st.dictionaries(NAMES.filter(lambda name: name not in shapes), _DIMS, max_size=2))
    return {
        "input_shape": shapes,
        "input_shape_range": {name: (draw(_RANGES), *dims) for name, dims in ranged.items()},
    }


def _geared(draw: st.DrawFn) -> dict[str, Any]:
    sizes = st.integers(1, 2048)
    gears = {
        "dynamic_batch_size": tuples(sizes),
        "dynamic_image_size": tuples(st.tuples(sizes, sizes)),
        "dynamic_dims": tuples(st.lists(sizes, min_size=1, max_size=3).map(tuple)),
    }
    chosen = draw(st.sampled_from(sorted(gears)))
    return {"input_shape": draw(st.dictionaries(NAMES, _DIMS, max_size=3)), chosen: draw(gears[chosen])}


@st.composite
def plain_options(draw: st.DrawFn) -> CompileOptions:
    """Options that are no files."""
    shapes = draw(st.sampled_from((_ranged, _geared)))(draw)
    nodes = draw(st.lists(st.tuples(PLAIN_NAMES, st.integers(0, 9)), max_size=3, unique=True))
    out_nodes = tuple(f"{name}:{index}" for name, index in nodes)
    kinds = st.sampled_from(("FP32", "FP16", "UINT8"))
    chosen = draw(st.sampled_from(("", "precision_mode", "precision_mode_v2")))
    modes = {"precision_mode": "allow_mix_precision", "precision_mode_v2": "origin"}
    deterministic = draw(st.booleans())
    listed = draw(tuples(OP_TYPES))
    return CompileOptions(
        soc_version=draw(st.sampled_from(("Ascend310P3", "Ascend910B3", "Ascend910_9391"))),
        input_format=draw(st.sampled_from(("NCHW", "ND", "NCDHW"))),
        **shapes,
        **({chosen: modes[chosen]} if chosen else {}),
        op_select_implmode="high_precision" if listed else None,
        optypelist_for_implmode=listed,
        out_nodes=out_nodes,
        output_type=draw(st.one_of(st.none(), kinds, st.just(dict.fromkeys(out_nodes, "FP16") or None))),
        input_fp16_nodes=draw(tuples(NAMES.filter(lambda name: name[0] not in ",:"))),
        enable_small_channel=draw(st.booleans()),
        buffer_optimize=draw(st.sampled_from((None, "l1_optimize", "off_optimize"))),
        deterministic=deterministic,
        deterministic_level=draw(st.sampled_from((0, 1, 2, 3))) if deterministic else 0,
        external_weight=draw(st.sampled_from((0, 1, 2))),
        sparsity=draw(st.booleans()),
        virtual_type=draw(st.booleans()),
        aicore_num=draw(st.lists(st.integers(0, 64), max_size=2).map(tuple)),
        core_type=draw(st.sampled_from((None, "AiCore", "VectorCore"))),
        disable_reuse_memory=draw(st.booleans()),
        jit_compile=draw(st.sampled_from((None, 0, 1, 2))),
        host_env_os=draw(st.sampled_from((None, "linux"))),
        host_env_cpu=draw(st.sampled_from((None, "aarch64", "x86_64"))),
        status_check=draw(st.booleans()),
    )


MIX_LISTS = st.builds(
    MixList,
    black_to_add=tuples(OP_TYPES),
    black_to_remove=tuples(OP_TYPES),
    white_to_add=tuples(OP_TYPES),
    white_to_remove=tuples(OP_TYPES),
)
OP_PRECISIONS = st.tuples(
    st.dictionaries(OP_TYPES, MODES, min_size=1), st.dictionaries(INI_NAMES.filter(lambda n: "=" not in n), MODES)
).map(lambda pair: OpPrecision(by_type=pair[0], by_node=pair[1]))
_WORDS = st.lists(st.sampled_from(("float16", "float32", "int8")), min_size=1, max_size=3).map(tuple)
CUSTOM = st.one_of(
    st.builds(CustomDtypes, node=PLAIN_NAMES, inputs=_WORDS, outputs=_WORDS),
    st.builds(CustomDtypes, op_type=OP_TYPES, inputs=_WORDS, outputs=_WORDS),
)
PASSES = st.dictionaries(
    st.sampled_from(
        ("ALL", "GraphFusion.ALL", "UBFusion.ALL", "SoftmaxFusionPass", "UBFusion.TbePool2dQuantFusionPass")
    ),
    st.sampled_from(("on", "off")),
)
_BYTES = st.integers(0, 255)
_COEFFICIENTS = st.integers(-32677, 32676)
_ROWS = st.tuples(_COEFFICIENTS, _COEFFICIENTS, _COEFFICIENTS)


@st.composite
def static_aipps(draw: st.DrawFn, rank: int) -> StaticAipp:
    crop, padding, colour = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    size = draw(st.integers(2, 1000)) * 2
    fields: dict[str, Any] = {"src_image_size_w": size, "src_image_size_h": size}
    if crop:
        start = draw(st.integers(0, size // 2 - 1)) * 2
        cut = draw(st.integers(1, size - start))
        fields |= {"load_start_pos_w": start, "load_start_pos_h": start, "crop_size_w": cut, "crop_size_h": cut}
    if padding:
        fields |= {"left_padding_size": draw(st.integers(0, 32)), "padding_value": draw(HALVES)}
    if colour:
        fields |= {
            "matrix": draw(st.tuples(_ROWS, _ROWS, _ROWS)),
            "input_bias": draw(st.tuples(_BYTES, _BYTES, _BYTES)),
        }
    return StaticAipp(
        related_input_rank=rank,
        input_format=draw(st.sampled_from(("YUV420SP_U8", "XRGB8888_U8", "RGB888_U8", "YUV400_U8"))),
        crop=crop,
        padding=padding,
        csc_switch=colour,
        rbuv_swap_switch=draw(st.booleans()),
        mean_chn=draw(tuples(_BYTES)),
        min_chn=draw(tuples(st.floats(0, 255, width=16))),
        var_reci_chn=draw(tuples(HALVES)),
        **fields,
    )


@st.composite
def aipps(draw: st.DrawFn) -> tuple[StaticAipp | DynamicAipp, ...]:
    dynamic = st.builds(DynamicAipp, aipp_mode=st.just("dynamic"), max_src_image_size=st.integers(1, 2**32 - 1))
    first = draw(st.one_of(static_aipps(0), dynamic))
    return (first, *draw(tuples(static_aipps(1), most=1)))
