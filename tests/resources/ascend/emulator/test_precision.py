"""Which precision each node is computed in, mode by mode."""

import pytest
from numeric_models import options, parse, planned

from resources.ascend.emulator.precision import Arithmetic, arithmetic, family_of, listed_in, plan
from resources.ascend.options import CompileOptions, MixList
from resources.onnx_files.graph import view

NETWORK = parse(
    """agraph (float[1,3,8,8] x, float[4,3,1,1] w) => (float[1,4] y, int64[4] n) {
        c = Conv(x, w)
        r = Relu(c)
        m = MaxPool<kernel_shape = [2, 2]>(r)
        e = Exp(m)
        g = GlobalAveragePool(e)
        y = Flatten(g)
        n = Shape(x)
    }"""
)


def modes(mode: str, soc: str = "Ascend310P3", **others: object) -> str:
    """The plan of the network as letters: h FP16, s FP32, b BF16, - other."""
    letters = {"float16": "h", "float32": "s", "bfloat16": "b", "other": "-"}
    return "".join(letters[d] for d in planned(NETWORK, options(mode, soc, **others)).values())


@pytest.mark.parametrize(
    ("mode", "soc", "expected"),
    [
        ("force_fp16", "Ascend310P3", "hhhhhh-"),
        ("force_fp32", "Ascend310P3", "hshsss-"),  # FP16 factors in the cube; MaxPool has an FP16 kernel only
        ("cube_fp16in_fp32out", "Ascend310P3", "hshsss-"),
        ("force_fp32", "Ascend910B3", "ssssss-"),
        ("must_keep_origin_dtype", "Ascend310P3", "hsssss-"),
        ("must_keep_origin_dtype", "Ascend910B3", "ssssss-"),
        ("allow_fp32_to_fp16", "Ascend310P3", "hshsss-"),
        ("allow_fp32_to_fp16", "Ascend910B3", "hsssss-"),
        ("allow_mix_precision", "Ascend310P3", "hhhhhh-"),
        ("allow_mix_precision_fp16", "Ascend910B3", "hhhhhh-"),
        ("allow_mix_precision_bf16", "Ascend910B3", "bbbbbb-"),
        ("allow_fp32_to_bf16", "Ascend910B3", "bsssss-"),
    ],
)
def test_a_mode_decides_every_node(mode: str, soc: str, expected: str) -> None:
    assert modes(mode, soc) == expected


def test_fp16_is_the_default() -> None:
    assert plan(view(NETWORK), CompileOptions(soc_version="Ascend310P3")) == plan(view(NETWORK), options("force_fp16"))


@pytest.mark.parametrize(
    ("second", "first"),
    [
        ("fp16", "force_fp16"),
        ("origin", "must_keep_origin_dtype"),
        ("cube_fp16in_fp32out", "cube_fp16in_fp32out"),
        ("mixed_float16", "allow_mix_precision_fp16"),
    ],
)
def test_the_second_spelling_of_a_mode_means_the_first(second: str, first: str) -> None:
    spelt = CompileOptions(soc_version="Ascend310P3", precision_mode_v2=second)
    assert plan(view(NETWORK), spelt) == plan(view(NETWORK), options(first))


def test_a_cube_without_fp32_takes_fp16_and_gives_fp32() -> None:
    assert arithmetic(view(NETWORK), options("force_fp32"))[0] == Arithmetic("float16", "float32")
    assert arithmetic(view(NETWORK), options("force_fp32", "Ascend910B3"))[0] == Arithmetic("float32", "float32")


@pytest.mark.parametrize("entry", ["e", "OpType::Exp"])
def test_keep_dtype_keeps_a_node_by_name_or_type(entry: str) -> None:
    assert modes("force_fp16", keep_dtype=(entry,)) == "hhhshh-"


def test_keep_dtype_takes_the_graph_engines_type_too() -> None:
    assert modes("force_fp16", keep_dtype=("OpType::MaxPoolV3",)) == "hhshhh-"


def test_keep_dtype_on_a_cube_without_fp32_keeps_only_its_result() -> None:
    kept = arithmetic(view(NETWORK), options("force_fp16", keep_dtype=("c",)))[0]
    assert kept == Arithmetic("float16", "float32")


def test_grey_operators_follow_a_black_producer() -> None:
    black = MixList(black_to_add=("Exp",))
    assert modes("allow_mix_precision", modify_mixlist=black) == "hhhsss-"


def test_a_blacklisted_cube_keeps_fp32_as_far_as_the_soc_can() -> None:
    black = MixList(black_to_add=("Conv2D",))
    assert modes("allow_mix_precision", "Ascend910B3", modify_mixlist=black) == "sshhhh-"  # MaxPool is white there


def test_a_white_operator_removed_from_its_list_is_grey_and_keeps_the_inputs_type() -> None:
    grey = MixList(white_to_remove=("Conv2D",))
    assert modes("allow_mix_precision", "Ascend910B3", modify_mixlist=grey)[:2] == "ss"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (None, "black"),
        (MixList(black_to_remove=("Pow",)), "grey"),
        (MixList(white_to_add=("Pow",)), "white"),
        (MixList(white_to_remove=("Pow",)), "black"),
    ],
)
def test_a_list_can_be_changed(changes: MixList | None, expected: str) -> None:
    assert listed_in("Pow", "Ascend910B", changes) == expected


def test_what_depends_on_constants_alone_is_folded_before_any_mode() -> None:
    model = parse(
        "agraph (float[2] x) => (float[2] y) <float[2] w = {1.0, 2.0}> { a = Exp(w) b = Identity(a) y = Mul(x, b) }"
    )
    assert planned(model, options("force_fp16")) == {"a": "other", "b": "other", "y": "float16"}


def test_integers_booleans_and_doubles_are_left_alone() -> None:
    model = parse(
        """agraph (int64[2] i, double[2] d, float[2] x) => (int64[2] a, double[2] b, bool[2] c, float[2] e) {
            a = Add(i, i) b = Exp(d) c = Less(x, x) e = Cast<to = 1>(i)
        }"""
    )
    assert planned(model, options("force_fp16")) == {"a": "other", "b": "other", "c": "float16", "e": "other"}


def test_a_cast_to_fp16_rounds_in_every_mode() -> None:
    model = parse("agraph (float[2] x) => (float[2] y) { h = Cast<to = 10>(x) y = Cast<to = 1>(h) }")
    assert arithmetic(view(model), options("must_keep_origin_dtype"))[0] == Arithmetic("other", "float16")


def test_an_fp16_model_keeps_fp16_unless_fp32_is_forced() -> None:
    model = parse("agraph (float16[2] x) => (float16[2] y) { y = Exp(x) }")
    assert planned(model, options("must_keep_origin_dtype")) == {"y": "float16"}
    assert planned(model, options("force_fp32")) == {"y": "float32"}


def test_an_unknown_soc_is_named_with_the_legal_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown SoC version 'Ascend999': give one of .*Ascend310P3"):
        family_of("Ascend999")


def test_the_first_generation_910_is_found_under_its_short_name() -> None:
    assert family_of("Ascend910") == "Ascend910"
