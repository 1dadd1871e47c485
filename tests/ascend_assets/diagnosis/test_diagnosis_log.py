"""A log as evidence: three generations of the console, CANN's own files, and anything else that somebody hands in."""

import time

import pytest
from conversion_cases import FAILED, X, healthy, net, node, options, read
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.diagnosis import gather, log
from ascend_assets.diagnosis.diagnose import diagnose
from resources.ascend.cann.environment import symptoms

START = "ATC start working now, please wait for a moment.\n"
STAMP = "[PID: 4242] 2026-01-02-03:04:05.006.007 "
TRACE = "        TraceBack (most recent call last):\n"

OPSET = f"""{START}...
{FAILED}E19010: No parser is registered for Op [/a/Div, optype [ai.onnx::23::Div]].
        Solution: Check the version of the installation package.
{TRACE}        No parser is registered for Op [/b/Div, optype [ai.onnx::23::Div]].
        Model parse to graph failed, graph name:g.[FUNC:ModelParseToGraph][FILE:onnx_parser.cc][LINE:905]
"""
PYTHON = f"""{FAILED}EC0010: {STAMP}Failed to import Python module [ModuleNotFoundError: No module named 'decorator'.].
        Solution: Check that all required components are properly installed.
{TRACE}        AOE Failed to call InitCannKB[FUNC:Initialize][FILE:python_adapter_manager.cc][LINE:47]
        GELib::InnerInitialize failed.[FUNC:Initialize][FILE:gelib.cc][LINE:177]
"""
INTEGERS = f"""{FAILED}EZ3002: 2024-08-19-18:11:19.313.647 Optype [Conv2DTranspose] of Ops kernel [AIcoreEngine] is \
unsupported. Reason: [tbe-custom]:op type Conv2DTranspose is not found in this op store.[Dynamic shape check]: data \
type DT_INT64 of input [input_size] is not supported. All supported data type and format of tensor input0.input_size \
is: Data Type: {{DT_INT32,DT_INT32}}Format:{{ND,ND}}.
Possible Cause: The operator type is unsupported in the operator information library due to specification mismatch.
TraceBack (most recent call last):
No supported Ops kernel and engine are found for [PartitionedCall_up.0_Conv2DTranspose_86], optype [Conv2DTranspose].
GenerateOfflineModel execute failed.
"""
TWO_DOMAINS = f"""{START}option framework=5
option soc_version=Ascend310P3
{FAILED}E16005: {STAMP}The model has [2] [--domain_version] fields, but only one is allowed.
E19010: {STAMP}No parser is registered for Op [n0, optype [pkg.onnxscript.torch_lib.common::1::Cast]].
"""
NEWEST = f"""{START}{FAILED}{STAMP}Not_Supported_Operator(E13010): No operator plugin is registered for Op: /a/Div, \
optype: ai.onnx::23::Div.
TraceBack (most recent call last):
        No operator plugin is registered for Op: /b/Div, optype: ai.onnx::23::Div.
"""
LOADER = (
    "/usr/local/Ascend/bin/atc.bin: error while loading shared libraries: libascend_hal.so: cannot open shared object "
    "file: No such file or directory\n"
)
PLOG = (
    "[ERROR] GE(30741,atc.bin):2021-12-09-16:10:22.539.201 [onnx_parser.cc:263]30741 ParseAllNodes: ErrorNo: "
    "4294967295(failed) [COMP][PRE]No parser is registered for Op [/a/Div, optype [ai.onnx::23::Div]].\n"
)
OPEN_INPUT = f"""{FAILED}E10001: Value [-1] for parameter [ids] is invalid. Reason: maybe you should set input_shape \
to specify its shape.
"""


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (OPSET, "opset.too_new"),
        (NEWEST, "opset.too_new"),
        (PYTHON, "environment.python_package"),
        (INTEGERS, "dtypes.int64_refused"),
        (TWO_DOMAINS, "operators.torch_lib"),
        (LOADER, "environment.driver_library"),
        (PLOG, "opset.too_new"),
        (OPEN_INPUT, "inputs.sizes_open"),
        (
            f"{FAILED}EZ3003: No supported Ops kernel and engine are found for [AddDsl], optype [AddDsl].",
            "operators.no_kernel",
        ),
        (
            f"{FAILED}E10007: {STAMP}[--framework] is required. The value must be [0(Caffe) or 5(Onnx)].",
            "options.required",
        ),
    ],
)
def test_a_log_alone_names_its_cause(text: str, rule: str) -> None:
    causes = diagnose(read(text))
    assert causes[0].rule == rule
    assert causes[0].confidence > 0.5


@pytest.mark.parametrize("text", [OPSET, PYTHON, INTEGERS, TWO_DOMAINS, NEWEST])
def test_copies_with_other_line_ends_colours_and_noise_say_the_same(text: str) -> None:
    spoilt = "\x1b[31mfoo\x1b[0m\r\n" + text.replace("\n", "\r\n") + "\r\nATC 退出码: 255\r\n"
    assert [cause.rule for cause in diagnose(read(spoilt))] == [cause.rule for cause in diagnose(read(text))]


def test_a_success_has_no_cause() -> None:
    assert diagnose(read(f"{START}-...\nATC run success, welcome to the next use.\n")) == ()


def test_nodes_are_those_of_the_model() -> None:
    model = net([node("ConvTranspose", "x k", "h", "up.0"), node("Relu", "h", "y", "after")], X)
    diagnostics, _ = log.read(INTEGERS, model)
    assert diagnostics[0].nodes == ("up.0",)
    assert log.read(INTEGERS)[0][0].nodes == ("PartitionedCall_up.0_Conv2DTranspose_86",)


def test_a_node_without_a_name_is_found_by_its_count_and_called_by_its_place() -> None:
    model = net(
        [node("Relu", "x", "a"), node("Div", "a a", "b", "named"), node("Div", "b b", "c"), node("Div", "c c", "y")], X
    )
    text = f"{FAILED}E19010: No parser is registered for Op [Div_1, optype [ai.onnx::23::Div]].\n"
    (diagnostic,), _ = log.read(text, model)
    # GE counts the nodes without a name over all types: Relu_0, Div_1, Div_2.
    assert diagnostic.nodes == ("Div_2",)


def test_names_that_the_model_does_not_have_are_left_out() -> None:
    (diagnostic,), _ = log.read(OPSET, healthy())
    assert diagnostic.nodes == ()
    assert "/a/Div" in diagnostic.message


def test_values_of_options_are_no_nodes_and_stay() -> None:
    text = f"{FAILED}E10016: Opname [images] specified in [--input_shape] is not found in the model.\n"
    (diagnostic,), _ = log.read(text, healthy())
    assert diagnostic.nodes == ("images",)


def test_the_environment_is_told_with_its_remedy() -> None:
    _, faults = log.read(PYTHON)
    assert faults == ("the Python that CANN uses has no module decorator: python3 -m pip install decorator",)
    assert faults == tuple(log.words(symptom) for symptom in symptoms.explain(PYTHON))


def test_what_the_environment_is_found_to_lack_is_said_once() -> None:
    causes = diagnose(read(PYTHON))
    assert [cause.rule for cause in causes] == ["environment.python_package"]
    assert len(causes[0].evidence) == 1
    assert "python3 -m pip install decorator" in causes[0].advice.en
    assert "python3 -m pip install decorator" in causes[0].advice.zh


def test_a_log_of_any_size_is_read_in_time() -> None:
    begin = time.monotonic()
    causes = diagnose(read(OPSET + "noise without meaning [ERROR] E \x00\n" * 40_000))
    assert time.monotonic() - begin < 120
    assert causes[0].rule == "opset.too_new"


@given(st.one_of(st.text(max_size=3000), st.binary(max_size=3000)))
@settings(max_examples=80, deadline=None)
def test_whatever_is_handed_in_is_read(text: str | bytes) -> None:
    diagnostics, environment = log.read(text, healthy())
    case = gather.case(healthy(), options(), diagnostics=diagnostics, environment=environment, log=str(text))
    for cause in diagnose(case):
        assert 0 <= cause.confidence <= 1


@given(
    st.lists(st.sampled_from([*OPSET.split("\n"), *TWO_DOMAINS.split("\n"), *NEWEST.split("\n"), PLOG]), max_size=12)
)
@settings(max_examples=80, deadline=None)
def test_lines_in_any_order_never_break_it(lines: list[str]) -> None:
    for cause in diagnose(read("\n".join(lines), healthy())):
        assert cause.explanation.zh.isprintable()
