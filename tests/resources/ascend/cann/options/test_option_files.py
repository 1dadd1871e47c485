"""Every file that ATC reads has exactly its syntax, and says back what the options say."""

import configparser
import json
import re
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from option_samples import CUSTOM, MIX_LISTS, NAMES, OP_PRECISIONS, OP_TYPES, PASSES, aipps, tuples

from resources.ascend.aipp import DynamicAipp, StaticAipp
from resources.ascend.cann.options.option_files import digest_in, onnx_name, option_files
from resources.ascend.option_values import CustomDtypes, MixList, OpPrecision
from resources.ascend.options import CompileOptions
from resources.digests import sha256_bytes

Fields = dict[str, str]


def content(flag: str, **options: Any) -> str:
    made = option_files(CompileOptions(soc_version="Ascend310P3", **options))
    assert set(made) == {flag}
    return made[flag].content


def test_nothing_given_needs_no_file() -> None:
    assert option_files(CompileOptions(soc_version="Ascend310P3")) == {}
    mixed = CompileOptions(soc_version="Ascend310P3", precision_mode="allow_mix_precision", modify_mixlist=MixList())
    assert option_files(mixed) == {}


class TestNames:
    def test_a_file_is_named_by_its_content(self) -> None:
        (file,) = option_files(CompileOptions(soc_version="Ascend310P3", keep_dtype=("Pow_458",))).values()
        assert file.content == "Pow_458\n"
        assert file.name == f"keep_dtype.{sha256_bytes(b'Pow_458' + bytes([10]))[:16]}.cfg"
        assert digest_in("keep_dtype", f"/some/where/{file.name}") == file.digest[:16]

    @pytest.mark.parametrize("path", ["aipp.cfg", "keep_dtype.cfg", "keep_dtype.0123456789ABCDEF.cfg", "", "x\ny"])
    def test_another_name_holds_no_digest(self, path: str) -> None:
        assert digest_in("keep_dtype", path) == ""

    def test_one_flag_is_not_taken_for_another(self) -> None:
        assert digest_in("keep_dtype", "insert_op_conf.0123456789abcdef.cfg") == ""

    def test_a_model_is_named_by_its_content(self) -> None:
        assert onnx_name("a" * 64) == f"{'a' * 64}.onnx"

    @pytest.mark.parametrize("digest", ["", "a" * 63, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n"])
    def test_what_is_no_digest_names_no_model(self, digest: str) -> None:
        with pytest.raises(ValueError, match="sha256"):
            onnx_name(digest)


class TestKeptOperators:
    def test_one_stands_on_each_line(self) -> None:
        assert content("keep_dtype", keep_dtype=("Pow_458", "OpType::LayerNorm")) == "Pow_458\nOpType::LayerNorm\n"

    @given(tuples(NAMES).filter(bool))
    def test_lines_are_names(self, names: tuple[str, ...]) -> None:
        assert tuple(content("keep_dtype", keep_dtype=names).splitlines()) == names


def read_mix_list(text: str) -> MixList:
    lists = json.loads(text)
    return MixList(
        **{
            f"{colour}_{verb.replace('-', '_')}": tuple(ops)
            for colour in ("black", "white")
            for verb, ops in lists.get(f"{colour}-list", {}).items()
        }
    )


class TestMixList:
    def test_only_given_lists_are_written(self) -> None:
        text = content(
            "modify_mixlist", precision_mode="allow_mix_precision", modify_mixlist={"black_to_add": ["ReduceMeanD"]}
        )
        assert json.loads(text) == {"black-list": {"to-add": ["ReduceMeanD"]}}

    @given(MIX_LISTS.filter(lambda lists: lists != MixList()))
    def test_it_says_back_what_it_was_made_from(self, lists: MixList) -> None:
        text = content("modify_mixlist", precision_mode_v2="mixed_float16", modify_mixlist=lists)
        assert read_mix_list(text) == lists


def read_ini(text: str) -> OpPrecision:
    parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#", ";"), strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    return OpPrecision.model_validate(
        {"by_type": sections.pop("ByOpType", {}), "by_node": sections.pop("ByNodeName", {})}
    )


class TestOpPrecision:
    def test_types_and_nodes_have_a_section_each(self) -> None:
        precision = OpPrecision(by_type={"Gelu": "high_performance"}, by_node={"/n/Mul": "high_precision"})
        assert content("op_precision_mode", op_precision_mode=precision) == (
            "[ByOpType]\nGelu=high_performance\n\n[ByNodeName]\n/n/Mul=high_precision\n"
        )

    @given(OP_PRECISIONS)
    def test_it_says_back_what_it_was_made_from(self, precision: OpPrecision) -> None:
        assert read_ini(content("op_precision_mode", op_precision_mode=precision)) == precision


def read_custom(line: str) -> CustomDtypes:
    by_type = re.fullmatch(r"OpType::(\w+):InputDtype:(.*),OutputDtype:(.*)", line)
    by_node = re.fullmatch(r"(.+?)::InputDtype:(.*),OutputDtype:(.*)", line)
    found = by_type or by_node
    assert found
    name, inputs, outputs = found.groups()
    about = {"op_type": name} if by_type else {"node": name}
    return CustomDtypes(**about, inputs=tuple(inputs.split(",")), outputs=tuple(outputs.split(",")))


class TestCustomDtypes:
    def test_a_node_has_two_colons_and_a_type_one(self) -> None:
        entries = (
            CustomDtypes(node="vars/Relu", inputs=("float16",), outputs=("int8",)),
            CustomDtypes(op_type="Add", inputs=("float16", "float32"), outputs=("float16",)),
        )
        assert content("customize_dtypes", customize_dtypes=entries).splitlines() == [
            "vars/Relu::InputDtype:float16,OutputDtype:int8",
            "OpType::Add:InputDtype:float16,float32,OutputDtype:float16",
        ]

    @given(tuples(CUSTOM).filter(bool))
    def test_it_says_back_what_it_was_made_from(self, entries: tuple[CustomDtypes, ...]) -> None:
        text = content("customize_dtypes", customize_dtypes=entries)
        assert tuple(map(read_custom, text.splitlines())) == entries


def read_switches(text: str) -> dict[tuple[str, str], str]:
    """(kind, pass) -> state; lines stand for both kinds."""
    kinds = ("GraphFusion", "UBFusion")
    if not text.startswith("{"):
        pairs = [line.split(":") for line in text.splitlines()]
        return {(kind, name): state for name, state in pairs for kind in kinds}
    switch = json.loads(text)["Switch"]
    return {(kind, name): state for kind in kinds for name, state in switch.get(kind, {}).items()}


class TestFusionSwitches:
    def test_single_passes_are_lines(self) -> None:
        switches = {"TransposeReshapeFusionPass": "off", "SoftmaxFusionPass": "on"}
        assert content("fusion_switch_file", fusion_switches=switches) == (
            "TransposeReshapeFusionPass:off\nSoftmaxFusionPass:on\n"
        )

    def test_all_of_both_kinds_are_one_switch(self) -> None:
        tree = {"Switch": {"GraphFusion": {"ALL": "off"}, "UBFusion": {"ALL": "off"}}}
        assert json.loads(content("fusion_switch_file", fusion_switches={"ALL": "off"})) == tree

    def test_one_kind_can_be_switched_alone(self) -> None:
        switches = {"GraphFusion.ALL": "off", "GraphFusion.SoftmaxFusionPass": "on"}
        tree = {"Switch": {"GraphFusion": {"ALL": "off", "SoftmaxFusionPass": "on"}}}
        assert json.loads(content("fusion_switch_file", fusion_switches=switches)) == tree

    @given(PASSES.filter(bool))
    def test_it_says_back_what_it_was_made_from(self, switches: dict[str, str]) -> None:
        read = read_switches(content("fusion_switch_file", fusion_switches=switches))
        both = {name: state for name, state in switches.items() if "." not in name}
        wanted = {(kind, name): state for name, state in both.items() for kind in ("GraphFusion", "UBFusion")}
        # What is said of one kind goes before what is said of both.
        for name in switches.keys() - both.keys():
            kind, _, own = name.partition(".")
            wanted[kind, own] = switches[name]
        assert read == wanted


def read_aipp(text: str) -> list[Fields]:
    """A reader of flat protobuf text: `aipp_op { key: value ... }`."""
    ops = re.findall(r"aipp_op \{\n(.*?)\}\n", text, flags=re.DOTALL)
    assert "".join(f"aipp_op {{\n{op}}}\n" for op in ops) == text
    read = []
    for op in ops:
        pairs = [line.strip().split(": ", 1) for line in op.splitlines()]
        assert len({key for key, _ in pairs}) == len(pairs)
        read.append(dict(map(tuple, pairs)))
    return read


def half(number: float) -> bytes:
    return struct.pack("<e", number)


def says(fields: Fields, op: StaticAipp | DynamicAipp) -> None:
    """Every field of the operator stands in the text, and nothing else."""
    left = dict(fields)
    for name, value in op.model_dump().items():
        if name == "matrix" and value is not None:
            found = tuple(tuple(int(left.pop(f"matrix_r{r}c{c}")) for c in range(3)) for r in range(3))
            assert found == value
        elif isinstance(value, tuple):
            texts = [left.pop(f"{name}_{index}") for index in range(len(value))]
            assert [half(float(text)) for text in texts] == [half(each) for each in value]
        elif isinstance(value, bool):
            assert left.pop(name, "false") == str(value).lower()
        elif isinstance(value, float):
            assert half(float(left.pop(name))) == half(value)
        elif value is not None:
            assert left.pop(name) == str(value)
    assert left == {}


class TestAipp:
    def test_a_static_one_is_protobuf_text(self) -> None:
        op = StaticAipp(
            input_format="YUV420SP_U8",
            csc_switch=True,
            matrix=((256, 0, 359), (256, -88, -183), (256, 454, 0)),
            input_bias=(0, 128, 128),
            mean_chn=(124, 117, 104),
            var_reci_chn=(0.0171, 0.0175, 1.0),
        )
        text = content("insert_op_conf", aipp=(op,))
        assert text.startswith("aipp_op {\n    aipp_mode: static\n")
        assert text.endswith("\n}\n")
        (fields,) = read_aipp(text)
        assert fields["input_format"] == "YUV420SP_U8"
        assert fields["csc_switch"] == "true"
        assert fields["matrix_r1c2"] == "-183"
        assert fields["input_bias_1"] == "128"
        assert fields["mean_chn_2"] == "104"
        assert fields["var_reci_chn_0"] == "0.0171"
        assert fields["var_reci_chn_2"] == "1"
        assert not {"crop", "padding", "output_bias_0", "related_input_rank"} & fields.keys()

    def test_a_dynamic_one_has_its_size_alone(self) -> None:
        op = DynamicAipp(aipp_mode="dynamic", related_input_rank=1, max_src_image_size=150528)
        assert content("insert_op_conf", aipp=(op,)) == (
            "aipp_op {\n    aipp_mode: dynamic\n    related_input_rank: 1\n    max_src_image_size: 150528\n}\n"
        )

    def test_a_name_is_a_string(self) -> None:
        op = StaticAipp(input_format="RGB888_U8", related_input_name="im: {info}")
        assert '\n    related_input_name: "im: {info}"\n' in content("insert_op_conf", aipp=(op,))

    @settings(max_examples=100, deadline=None)
    @given(aipps())
    def test_it_says_back_what_it_was_made_from(self, ops: tuple[StaticAipp | DynamicAipp, ...]) -> None:
        read = read_aipp(content("insert_op_conf", aipp=ops))
        assert len(read) == len(ops)
        for fields, op in zip(read, ops, strict=True):
            says(fields, op)


@given(tuples(NAMES, most=2), tuples(OP_TYPES, most=2))
def test_equal_options_give_equal_files_and_others_others(names: tuple[str, ...], types: tuple[str, ...]) -> None:
    one = CompileOptions(soc_version="Ascend310P3", keep_dtype=(*names, *(f"OpType::{each}" for each in types)))
    other = one.model_copy(update={"keep_dtype": (*one.keep_dtype, "one more")})
    assert option_files(one) == option_files(one.model_copy())
    assert option_files(one) != option_files(other)
