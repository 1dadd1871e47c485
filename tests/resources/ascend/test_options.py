"""The typed options: legal values, exclusions with a reason, and records that keep their bytes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from option_samples import plain_options
from pydantic import ValidationError

from resources.ascend import spelling
from resources.ascend.later_options import LaterOptions
from resources.ascend.options import CompileOptions, without_unset
from resources.digests import canonical_json, sha256_bytes

IMAGE = {"aipp_mode": "static", "input_format": "RGB888_U8"}


def options(**given: Any) -> CompileOptions:
    return CompileOptions.model_validate({"soc_version": "Ascend310P3", **given})


def refusal(**given: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        options(**given)
    return str(caught.value)


class TestStored:
    def test_what_was_stored_before_keeps_its_bytes(self) -> None:
        assert options().model_dump_json() == (
            '{"soc_version":"Ascend310P3","input_shape":{},"input_format":"NCHW","precision_mode":null,'
            '"precision_mode_v2":null,"keep_dtype":[],"modify_mixlist":null,"dynamic_batch_size":[],'
            '"dynamic_image_size":[],"dynamic_dims":[]}'
        )

    def test_and_its_digest(self) -> None:
        digest = sha256_bytes(canonical_json(options().model_dump(mode="json")))
        assert digest == "da621e3c8c9bdf1aa7fa7827badb70ab99ca28afc11450ae4f09f1a418df7a5b"

    def test_an_option_at_its_default_is_not_stored(self) -> None:
        assert options(deterministic=False, aipp=[], jit_compile=None) == options()
        assert options(deterministic=False, aipp=[]).model_dump_json() == options().model_dump_json()

    def test_an_option_that_is_given_is_stored(self) -> None:
        written = json.loads(options(fusion_switches={"ALL": "off"}, aicore_num=[24, 48]).model_dump_json())
        assert written["fusion_switches"] == {"ALL": "off"}
        assert written["aicore_num"] == [24, 48]

    def test_every_later_option_is_left_out_when_unset(self) -> None:
        assert set(LaterOptions.model_fields) == LaterOptions.LATER
        assert not LaterOptions.LATER & options().model_dump().keys()
        assert without_unset(options(), {"aipp": [], "soc_version": "x"}, {"aipp"}) == {"soc_version": "x"}

    @settings(max_examples=50, deadline=None)
    @given(plain_options())
    def test_what_is_stored_is_read_again(self, given: CompileOptions) -> None:
        assert CompileOptions.model_validate_json(given.model_dump_json()) == given


class TestExclusions:
    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"precision_mode": "force_fp16", "precision_mode_v2": "fp16"}, "exclude each other"),
            ({"dynamic_batch_size": [1, 2], "dynamic_dims": [[1], [2]]}, "dynamic_batch_size and dynamic_dims"),
            ({"modify_mixlist": {}}, "allow_mix_precision"),
            ({"modify_mixlist": {}, "precision_mode_v2": "cube_hif8"}, "allow_mix_precision"),
            (
                {"op_precision_mode": {"by_type": {"Gelu": "keep_fp16"}}, "op_select_implmode": "high_precision"},
                "exclude",
            ),
            ({"op_precision_mode": {}}, "names no operator"),
            ({"optypelist_for_implmode": ["Gelu"]}, "needs op_select_implmode"),
            ({"optypelist_for_implmode": ["Gelu"], "op_select_implmode": "high_precision_for_all"}, "needs op_select"),
            ({"deterministic_level": 2}, "needs deterministic"),
            ({"input_shape": {"x": [1]}, "input_shape_range": {"x": [[1, 2]]}}, "stands in input_shape and"),
            ({"input_shape_range": {"x": [[1, 2]]}, "dynamic_batch_size": [1, 2]}, "gears or a range"),
            ({"input_shape_range": {"x": [1, -1]}}, "has no range"),
            ({"out_nodes": ["a:0", "b"]}, "not both"),
            ({"output_type": {"a:0": "FP16"}}, "must stand in out_nodes"),
            ({"output_type": {"a": "FP16"}, "out_nodes": ["a"]}, "index of their output"),
            ({"output_type": {}}, "index of their output"),
            ({"aipp": [IMAGE], "dynamic_dims": [[1], [2]], "input_format": "ND"}, "aipp and dynamic_dims"),
            ({"aipp": [IMAGE, IMAGE]}, "related_input_rank"),
            ({"aipp": [IMAGE, {**IMAGE, "related_input_rank": 0}]}, "related_input_rank"),
            ({"first_generation": True}, "confirms Ascend910B"),
            ({"soc_version": "Ascend910B1", "first_generation": True}, "confirms Ascend910B"),
        ],
    )
    def test_what_does_not_go_together(self, given: dict[str, Any], says: str) -> None:
        assert says in refusal(**given)

    @pytest.mark.parametrize(
        "given",
        [
            {"modify_mixlist": {}, "precision_mode_v2": "mixed_hif8"},
            {"optypelist_for_implmode": ["Gelu"], "op_select_implmode": "high_precision"},
            {"deterministic": True, "deterministic_level": 3},
            {"output_type": {"a:0": "FP16"}, "out_nodes": ["a:0", "b:1"]},
            {"aipp": [IMAGE, {**IMAGE, "related_input_rank": 1}]},
            {"soc_version": "Ascend910B", "first_generation": True},
            {"input_shape": {"x": [1]}, "input_shape_range": {"y": [[1, 2], -1, 3]}},
        ],
    )
    def test_what_goes_together(self, given: dict[str, Any]) -> None:
        assert options(**given)

    def test_images_of_many_sizes_are_neither_cropped_nor_padded(self) -> None:
        gears = {"dynamic_image_size": [[224, 224], [448, 448]]}
        source = {"src_image_size_w": 256, "src_image_size_h": 256}
        assert options(aipp=[IMAGE], **gears)
        assert "neither crop nor padding" in refusal(aipp=[{**IMAGE, **source}], **gears)

    def test_a_crop_of_yuv_begins_at_an_even_place(self) -> None:
        crop = {"crop": True, "crop_size_w": 8, "crop_size_h": 8, "src_image_size_w": 16, "src_image_size_h": 16}
        yuv = {**IMAGE, **crop, "input_format": "YUV420SP_U8"}
        assert "must be even" in refusal(aipp=[{**yuv, "load_start_pos_w": 1}])
        assert options(aipp=[{**yuv, "load_start_pos_w": 2}])
        assert options(aipp=[{**IMAGE, **crop, "load_start_pos_w": 1}])
        assert options(soc_version="Ascend950PR_9599", aipp=[{**yuv, "load_start_pos_w": 1}])


class TestValues:
    @pytest.mark.parametrize(
        "given",
        [
            {"precision_mode": "best"},
            {"precision_mode_v2": "force_fp16"},
            {"op_precision_mode": {"by_type": {"Gelu": "fast"}}},
            {"op_select_implmode": "keep_fp16"},
            {"output_type": "FLOAT"},
            {"buffer_optimize": "l3_optimize"},
            {"external_weight": 3},
            {"deterministic": True, "deterministic_level": 4},
            {"jit_compile": 3},
            {"core_type": "Cube"},
            {"aicore_num": [1, 2, 3]},
            {"aicore_num": [-1]},
            {"fusion_switches": {"ALL": "maybe"}},
            {"fusion_switches": {"Graph.ALL": "off"}},
            {"host_env_os": "linux;x"},
            {"input_shape_range": {"x": [[10, 1]]}},
            {"input_shape_range": {"x": [[0, 1]]}},
            {"out_nodes": ["a:b"]},
            {"out_nodes": [":0"]},
            {"out_nodes": ["a:0:1"]},
            {"customize_dtypes": [{"node": "a", "op_type": "B", "inputs": ["float16"], "outputs": ["float16"]}]},
            {"customize_dtypes": [{"node": "a", "inputs": ["float16"]}]},
            {"customize_dtypes": [{"inputs": ["float16"], "outputs": ["float16"]}]},
            {"unheard_of": 1},
        ],
    )
    def test_what_atc_does_not_take_is_refused(self, given: dict[str, Any]) -> None:
        assert refusal(**given)

    def test_yaml_reads_off_as_false(self) -> None:
        switches = {"ALL": False, "SoftmaxFusionPass": True}
        assert options(fusion_switches=switches).fusion_switches == {"ALL": "off", "SoftmaxFusionPass": "on"}


def named(field: str, name: str) -> dict[str, Any]:
    """Options with that name in that place."""
    places: dict[str, dict[str, Any]] = {
        "keep_dtype": {"keep_dtype": [name]},
        "by_node": {"op_precision_mode": {"by_node": {name: "keep_fp16"}}},
        "by_type": {"op_precision_mode": {"by_type": {name: "keep_fp16"}}},
        "custom": {"customize_dtypes": [{"node": name, "inputs": ["float16"], "outputs": ["float16"]}]},
        "input_shape": {"input_shape": {name: [1]}},
        "input_shape_range": {"input_shape_range": {name: [[1, 2]]}},
        "out_nodes": {"out_nodes": [name]},
        "input_fp16_nodes": {"input_fp16_nodes": [name]},
        "aipp": {"aipp": [{**IMAGE, "related_input_name": name}]},
        "mix": {"precision_mode": "allow_mix_precision", "modify_mixlist": {"black_to_add": [name]}},
        "passes": {"fusion_switches": {name: "off"}},
    }
    return places[field]


FIELDS = [
    "keep_dtype",
    "by_node",
    "by_type",
    "custom",
    "input_shape",
    "input_shape_range",
    "out_nodes",
    "input_fp16_nodes",
    "aipp",
    "mix",
    "passes",
]
BREAKING = [
    "",
    "a\nb",
    "a\rb",
    "a\x00b",
    "a\x1b[0m",
    "a\u2028b",
    " a",
    "a ",
    'a"b',
    "a'b",
    "a\\b",
    "\ud800",
    "a" * 2000,
]


class TestNames:
    @pytest.mark.parametrize("field", FIELDS)
    @pytest.mark.parametrize("name", BREAKING, ids=ascii)
    def test_a_name_that_breaks_a_line_or_a_string_is_refused(self, field: str, name: str) -> None:
        assert refusal(**named(field, name))

    @pytest.mark.parametrize(
        ("field", "name", "says"),
        [
            ("input_shape", "a;b", "ATC splits --input_shape"),
            ("input_shape_range", "a;b", "ATC splits --input_shape"),
            ("input_fp16_nodes", "a;b", "ATC splits the list"),
            ("out_nodes", "a;b", "ATC splits the list"),
            ("custom", "a:b", "ATC splits a line of --customize_dtypes"),
            ("by_node", "a=b", "ATC splits a line of --op_precision_mode"),
            ("by_node", "[a]", "a section or a comment"),
            ("by_node", "#a", "a section or a comment"),
            ("by_node", ";a", "a section or a comment"),
            ("input_shape", "x --soc_version=y", "reads as an option"),
            ("input_fp16_nodes", "x -a", "reads as an option"),
            ("keep_dtype", "OpType::a b", "after OpType::"),
            ("keep_dtype", "a\nOpType::Relu", "line break"),
        ],
    )
    def test_a_name_that_atc_splits_is_refused_with_the_reason(self, field: str, name: str, says: str) -> None:
        assert says in refusal(**named(field, name))

    @pytest.mark.parametrize("field", ["keep_dtype", "input_shape", "input_fp16_nodes"])
    @pytest.mark.parametrize("name", ["/layer.0/Mul_2", "images:0", "输入", "a b", "Conv[1](x)", "x=y,z"])
    def test_names_of_exporters_are_taken(self, field: str, name: str) -> None:
        assert options(**named(field, name))


class TestMode:
    @pytest.mark.parametrize(
        ("given", "mode", "mixes"),
        [
            ({}, "force_fp16", False),
            ({"precision_mode_v2": "origin"}, "must_keep_origin_dtype", False),
            ({"precision_mode_v2": "mixed_float16"}, "allow_mix_precision_fp16", True),
            ({"precision_mode_v2": "cube_hif8"}, "cube_hif8", False),
            ({"precision_mode_v2": "mixed_hif8"}, "mixed_hif8", True),
        ],
    )
    def test_both_options_say_one_mode(self, given: dict[str, str], mode: str, *, mixes: bool) -> None:
        assert (options(**given).mode, options(**given).mixes) == (mode, mixes)


def test_the_command_names_every_option() -> None:
    given = options(
        input_shape={"x": (1, 3)},
        keep_dtype=["a"],
        aipp=[IMAGE],
        status_check=True,
        output_type="FP16",
        jit_compile=0,
    )
    assert spelling.command(given, "model.onnx", "m.om") == [
        "atc",
        "--framework=5",
        "--model=model.onnx",
        "--output=m",
        "--soc_version=Ascend310P3",
        "--input_format=NCHW",
        "--input_shape=x:1,3",
        "--output_type=FP16",
        "--jit_compile=0",
        "--status_check=1",
        "--keep_dtype=<file>",
        "--insert_op_conf=<file>",
    ]
