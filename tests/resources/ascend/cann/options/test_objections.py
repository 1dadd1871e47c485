"""What atc would refuse after minutes, or do wrongly without a word, is said before it is called."""

from typing import Any, ClassVar

import pytest

from resources.ascend.cann.environment.versions import Version
from resources.ascend.cann.options import objections as module
from resources.ascend.cann.options.flags import FLAGS, Flag
from resources.ascend.cann.options.objections import objections
from resources.ascend.options import CompileOptions

SOCS = ("Ascend310", "Ascend310B4", "Ascend310P3", "Ascend910A", "Ascend910B", "Ascend910B1", "Ascend910B3")
VERSION = Version.parse("8.1.RC1")
IMAGE = {"input_format": "RGB888_U8", "aipp_mode": "static"}


def codes(*, soc: str = "Ascend310P3", socs: tuple[str, ...] = SOCS, **given: Any) -> list[str]:
    options = CompileOptions.model_validate({"soc_version": soc, **given})
    return [found.code for found in objections(options, VERSION, socs)]


def test_nothing_is_said_against_good_options() -> None:
    assert codes(input_shape={"x": (1, 3, 224, 224)}, precision_mode="allow_mix_precision") == []


class TestSoc:
    def test_without_one_there_is_nothing_to_compile_for(self) -> None:
        assert codes(soc="") == ["E10054"]

    def test_an_unknown_one_names_those_near_and_all(self) -> None:
        (found,) = objections(CompileOptions(soc_version="Ascend310P4"), VERSION, SOCS)
        assert found.code == "EX0102"
        assert "Did you mean Ascend310P3" in found.solution
        assert all(name in found.solution for name in SOCS)

    def test_legal_is_what_the_installation_says(self) -> None:
        assert codes(soc="Ascend950PR_9599", socs=("Ascend950PR_9599",)) == []
        assert codes(soc="Ascend310P3", socs=("Ascend950PR_9599",)) == ["EX0102"]

    def test_without_a_list_no_name_is_unknown(self) -> None:
        assert codes(soc="Ascend042", socs=()) == []

    def test_the_name_that_atc_takes_for_another_is_known(self) -> None:
        assert codes(soc="Ascend910") == []

    @pytest.mark.parametrize("socs", [SOCS, (), ("Ascend910B3",)])
    def test_910b_is_not_the_card_that_it_sounds_like(self, socs: tuple[str, ...]) -> None:
        (found,) = objections(CompileOptions(soc_version="Ascend910B"), VERSION, socs)
        assert found.code == "EX0103"
        for name in ("Ascend910B1", "Ascend910B2", "Ascend910B3", "Ascend910B4", "first_generation: true"):
            assert name in found.solution

    def test_910b_can_be_meant(self) -> None:
        assert codes(soc="Ascend910B", first_generation=True) == []

    def test_910b_that_this_cann_does_not_have_is_unknown_all_the_same(self) -> None:
        assert codes(soc="Ascend910B", first_generation=True, socs=("Ascend910B3",)) == ["EX0102"]


class TestFamilies:
    @pytest.mark.parametrize(
        "soc", ["Ascend910B1", "Ascend910B4-1", "Ascend910_9391", "Ascend310B4", "Ascend950PR_9599"]
    )
    def test_bf16_where_it_is(self, soc: str) -> None:
        assert codes(soc=soc, socs=(), precision_mode="allow_fp32_to_bf16") == []

    @pytest.mark.parametrize("soc", ["Ascend310", "Ascend310P3", "Ascend910A", "Ascend910ProB"])
    @pytest.mark.parametrize(
        "mode", [{"precision_mode": "allow_mix_precision_bf16"}, {"precision_mode_v2": "mixed_bfloat16"}]
    )
    def test_bf16_where_it_is_not(self, soc: str, mode: dict[str, str]) -> None:
        assert codes(soc=soc, socs=(), **mode) == ["E10001"]

    @pytest.mark.parametrize("mode", ["cube_hif8", "mixed_hif8"])
    def test_hif8_is_for_950_alone(self, mode: str) -> None:
        assert codes(soc="Ascend910B3", precision_mode_v2=mode) == ["E10001"]
        assert codes(soc="Ascend950PR_9599", socs=(), precision_mode_v2=mode) == []

    def test_types_of_8_bits_are_for_950_alone(self) -> None:
        assert codes(output_type="HIF8") == ["E10001"]
        assert codes(output_type="FP16") == []

    @pytest.mark.parametrize(
        ("soc", "said"), [("Ascend310B4", ["E10001"]), ("Ascend310", ["E10001"]), ("Ascend310P3", [])]
    )
    def test_ranges(self, soc: str, said: list[str]) -> None:
        assert codes(soc=soc, input_shape_range={"x": ((1, 10), 3)}) == said

    @pytest.mark.parametrize(
        ("soc", "said"), [("Ascend310B4", []), ("Ascend310P3", []), ("Ascend910A", []), ("Ascend910B3", ["E10001"])]
    )
    def test_status_check(self, soc: str, said: list[str]) -> None:
        assert codes(soc=soc, status_check=True) == said

    def test_sparsity_needs_cores_that_have_it(self) -> None:
        assert codes(sparsity=True) == ["E10001"]
        assert codes(soc="Ascend910B3", sparsity=True) == []

    def test_hf32_needs_cores_that_have_it(self) -> None:
        precision = {"by_type": {"Conv2D": "enable_float_32_execution"}}
        assert codes(op_precision_mode=precision) == ["E10001"]
        assert codes(soc="Ascend910B3", op_precision_mode=precision) == []

    def test_vector_cores_without_effect_are_minded(self) -> None:
        assert codes(soc="Ascend910B3", core_type="VectorCore") == ["WX0102"]
        assert codes(soc="Ascend310P3", core_type="VectorCore") == []

    def test_nothing_is_said_of_a_chip_that_nobody_knows(self) -> None:
        assert codes(soc="AscendX", socs=(), precision_mode="allow_fp32_to_bf16", status_check=True) == []


class TestVersions:
    def test_a_deprecated_flag_is_minded(self) -> None:
        given: dict[str, Any] = {"op_select_implmode": "high_precision", "optypelist_for_implmode": ["Gelu"]}
        assert codes(**given) == ["WX0101", "WX0101"]

    def test_a_flag_that_this_cann_does_not_have_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        newer = {**FLAGS, "jit_compile": Flag(since="9.0"), "insert_op_conf": Flag(until="5.0")}
        monkeypatch.setattr(module, "FLAGS", newer)
        assert codes(jit_compile=0) == ["E10055"]
        assert codes(aipp=[IMAGE]) == ["E10055"]
        assert objections(CompileOptions(soc_version="Ascend310P3", jit_compile=0), Version.parse("9.0"), SOCS) == ()
        assert objections(CompileOptions(soc_version="Ascend310P3", jit_compile=0), None, SOCS) == ()


class TestGears:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"dynamic_batch_size": [1]}, ["E10035"]),
            ({"dynamic_batch_size": list(range(1, 102))}, ["E10036"]),
            ({"dynamic_batch_size": [1, 1]}, ["E10039"]),
            ({"dynamic_batch_size": [1, 2]}, []),
            ({"dynamic_dims": [[1], [2]]}, ["E10001"]),
            ({"dynamic_dims": [[1], [2]], "input_format": "ND"}, []),
            ({"dynamic_dims": [[1, 2], [2, 3]], "input_format": "ND"}, ["E10001"]),
            ({"dynamic_image_size": [[224, 224], [448, 448]]}, ["E10019"]),
        ],
    )
    def test_what_gears_must_be(self, given: dict[str, Any], said: list[str]) -> None:
        assert codes(input_shape={"x": (-1, 3, 224, 224)}, **given) == said

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"dynamic_batch_size": [1, 2]}, "E10031"),
            ({"dynamic_image_size": [[224, 224], [448, 448]]}, "E10040"),
            ({"dynamic_dims": [[1], [2]], "input_format": "ND"}, "E10040"),
        ],
    )
    def test_gears_need_open_axes(self, given: dict[str, Any], said: str) -> None:
        assert codes(input_shape={"x": (1, 3, 224, 224)}, **given) == [said]

    def test_950_takes_more(self) -> None:
        gears = list(range(1, 257))
        assert codes(soc="Ascend950PR_9599", socs=(), input_shape={"x": (-1, 3)}, dynamic_batch_size=gears) == []

    def test_an_open_axis_without_gears_is_any_size(self) -> None:
        assert codes(input_shape={"x": (-1, 3)}) == []


class TestAipp:
    SHAPE: ClassVar = {"image": (1, 3, 224, 224), "info": (1, 2)}

    def test_an_input_has_aipp_or_float16(self) -> None:
        assert codes(aipp=[IMAGE], input_shape=self.SHAPE, input_fp16_nodes=["image"]) == ["E10034"]
        assert codes(aipp=[IMAGE], input_shape=self.SHAPE, input_fp16_nodes=["info"]) == []

    def test_an_input_by_name_is_for_caffe(self) -> None:
        assert codes(aipp=[{**IMAGE, "related_input_name": "image"}]) == ["WX0103"]

    @pytest.mark.parametrize(
        ("size", "said"),
        [((224, 224), []), ((256, 224), ["E70014"]), ((256, 256), ["E70014", "E70014"]), ((0, 0), [])],
    )
    def test_its_result_is_what_the_model_takes(self, size: tuple[int, int], said: list[str]) -> None:
        image = {**IMAGE, "src_image_size_h": size[0], "src_image_size_w": size[1]}
        assert codes(aipp=[image], input_shape=self.SHAPE) == said

    def test_crop_and_padding_count(self) -> None:
        crop = {"crop": True, "crop_size_h": 200, "crop_size_w": 200, "src_image_size_h": 256, "src_image_size_w": 256}
        sides = dict.fromkeys(("left", "right", "top", "bottom"), 12)
        padding = {"padding": True, **{f"{side}_padding_size": size for side, size in sides.items()}}
        assert codes(aipp=[{**IMAGE, **crop, **padding}], input_shape=self.SHAPE) == []
        assert codes(aipp=[{**IMAGE, **crop}], input_shape=self.SHAPE) == ["E70014", "E70014"]

    @pytest.mark.parametrize(("soc", "said"), [("Ascend310P3", ["EX0105"]), ("Ascend910B3", [])])
    def test_padded_rows_have_a_bound(self, soc: str, said: list[str]) -> None:
        wide = {"padding": True, "left_padding_size": 1, "src_image_size_h": 8, "src_image_size_w": 1080}
        assert codes(soc=soc, aipp=[{**IMAGE, **wide}]) == said

    def test_before_a_range_it_cannot_be_static(self) -> None:
        ranges = {"x": (1, 3, (64, 224), (64, 224))}
        assert codes(aipp=[IMAGE], input_shape_range=ranges) == ["EX0104"]
        assert codes(aipp=[{"aipp_mode": "dynamic", "max_src_image_size": 9}], input_shape_range=ranges) == []


class TestEffects:
    def test_weights_outside_the_file_would_be_lost(self) -> None:
        assert codes(external_weight=1) == ["EX0106"]

    @pytest.mark.parametrize("mode", [{"precision_mode": "must_keep_origin_dtype"}, {"precision_mode_v2": "origin"}])
    def test_kept_operators_without_effect_are_minded(self, mode: dict[str, Any]) -> None:
        assert codes(keep_dtype=["a"], **mode) == ["WX0104"]


def test_a_copy_that_was_never_checked_is_checked() -> None:
    options = CompileOptions(soc_version="Ascend310P3").model_copy(update={"input_shape": {"a;b": (1,)}})
    (found,) = objections(options, VERSION, SOCS)
    assert found.code == "EX0101"
    assert "';'" in found.message


def test_every_objection_says_what_to_do() -> None:
    given: dict[str, Any] = {
        "aipp": [{**IMAGE, "related_input_name": "x"}],
        "external_weight": 2,
        "keep_dtype": ["a"],
        "precision_mode_v2": "origin",
        "sparsity": True,
        "core_type": "VectorCore",
        "op_select_implmode": "high_precision",
        "input_shape": {"x": (-1, 3)},
        "dynamic_batch_size": [1],
    }
    found = objections(CompileOptions.model_validate({"soc_version": "Ascend910A", **given}), VERSION, SOCS)
    assert len(found) >= 6
    assert all(each.solution.endswith(".") and each.message for each in found)
