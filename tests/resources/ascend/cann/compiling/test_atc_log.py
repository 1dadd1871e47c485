"""atc's console text, in all three generations of its grammar, and everything that spoils it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.compiling.atc_log import MAX_DIAGNOSTICS, MAX_MESSAGE, AtcLog, parse
from resources.ascend.toolchain import Diagnostic

START = "ATC start working now, please wait for a moment.\n"
FAILED = "ATC run failed, Please check the detail log, Try 'atc --help' for more information\n"
SUCCESS = "ATC run success, welcome to the next use.\n"
STAMP = "[PID: 4242] 2026-01-02-03:04:05.006.007 "

OLD = f"""{START}...
{FAILED}EZ3003: No supported Ops kernel and engine are found for [/net/Foo_1], optype [Foo].
        Possible Cause: The operator is in no library.
        Solution: 1. Install the kernels. 2. Ask for the operator.
        TraceBack (most recent call last):
        No supported Ops kernel and engine are found for [/net/Foo_2], optype [Foo].
        No supported Ops kernel and engine are found for [/net/Foo_1], optype [Foo].
        build graph failed, graph id:0, ret:-1[FUNC:BuildModel][FILE:ge_generator.cc][LINE:148]
"""
MIDDLE = OLD.replace("EZ3003: ", f"EZ3003: {STAMP}")
NEW = f"""{START}{FAILED}{STAMP}Not_Supported_Operator(EZ3003): No supported Ops kernel and engine are found for \
/net/Foo_1, optype Foo.
        Possible Cause: The operator is in no library.
        Solution: 1. Install the kernels.
 2. Ask for the operator.
TraceBack (most recent call last):
        No supported Ops kernel and engine are found for /net/Foo_2, optype Foo.
        build graph failed, graph id:0, ret:-1[FUNC:BuildModel][FILE:ge_generator.cc][LINE:148][THREAD:7]

"""


def only(log: str) -> Diagnostic:
    (diagnostic,) = parse(log).errors
    return diagnostic


@pytest.mark.parametrize("log", [OLD, MIDDLE, NEW], ids=["7.0", "8.1", "9.1"])
def test_each_generation_says_the_same(log: str) -> None:
    read = parse(log)
    assert (read.started, read.succeeded, read.failed, read.warnings) == (True, False, True, ())
    diagnostic = only(log)
    assert diagnostic.code == "EZ3003"
    assert diagnostic.message.startswith("No supported Ops kernel and engine are found for")
    assert diagnostic.nodes == ("/net/Foo_1", "/net/Foo_2")
    assert diagnostic.cause == "The operator is in no library."
    assert diagnostic.solution == "1. Install the kernels. 2. Ask for the operator."


def test_a_title_is_kept() -> None:
    assert only(NEW).title == "Not_Supported_Operator"
    assert only(OLD).title == ""


@pytest.mark.parametrize("log", [OLD, MIDDLE])
def test_copies_that_lost_their_indentation_say_the_same(log: str) -> None:
    flat = "\n".join(line.strip() for line in log.splitlines())
    assert parse(flat) == parse(log)


def test_success_keeps_the_warnings_after_it() -> None:
    log = f"""{START}-...
{SUCCESS}W11001: Op [Slice_29] does not hit the high-priority operator information library, which might be slow.
W11001: Op [Slice_31] does not hit the high-priority operator information library, which might be slow.
{STAMP}Performance_Not_Optimal_Operator(W11001): Op Pad_3 does not hit the high-priority operator information library.


ATC 退出码: 0
"""
    read = parse(log)
    assert (read.succeeded, read.failed, read.errors) == (True, False, ())
    first, second = read.warnings
    assert (first.code, first.nodes) == ("W11001", ("Slice_29", "Slice_31"))
    assert (second.title, second.nodes) == ("Performance_Not_Optimal_Operator", ("Pad_3",))


def test_operators_of_another_type_are_a_cause_of_their_own() -> None:
    log = f"""{FAILED}E19010: No parser is registered for Op [/a/FindMax, optype [ai.onnx::11::FindMax]].
        Solution: Check the version.
        TraceBack (most recent call last):
        No parser is registered for Op [/b/Merge, optype [ai.onnx::11::Merge]].
        No parser is registered for Op [/c/FindMax, optype [ai.onnx::11::FindMax]].
        Model parse to graph failed, graph name:net.[FUNC:ModelParseToGraph][FILE:onnx_parser.cc][LINE:905]
"""
    assert [(d.code, d.nodes) for d in parse(log).errors] == [
        ("E19010", ("/a/FindMax", "/c/FindMax")),
        ("E19010", ("/b/Merge",)),
    ]


def test_the_operators_of_an_unsupported_type_are_those_in_the_traceback() -> None:
    log = f"""{FAILED}EZ3002: 2024-08-19-18:11:19.313.647 Optype [Cast] of Ops kernel [AIcoreEngine] is unsupported. \
Reason: [tbe-custom]:op type Cast is not found in this op store.[Dynamic shape check]: data type {{DT_INT32,ND}}.
Possible Cause: A mismatch.
Solution: Remove it.
TraceBack (most recent call last):
No supported Ops kernel and engine are found for [PartitionedCall_p2o.Cast.0_Cast_86], optype [Cast].
Optype [Less] of Ops kernel [AIcoreEngine] is unsupported. Reason: Dynamic shape is not supported on this chip!.
No supported Ops kernel and engine are found for [Less_9], optype [Less].
GenerateOfflineModel execute failed.
"""
    first, second = parse(log).errors
    assert (first.code, first.nodes) == ("EZ3002", ("PartitionedCall_p2o.Cast.0_Cast_86",))
    assert first.message.endswith("data type {DT_INT32,ND}.")
    assert (second.code, second.nodes) == ("EZ3002", ("Less_9",))


def test_several_codes_are_several_errors() -> None:
    log = f"{FAILED}E16005: The model has [2] [--domain_version] fields, but only one is allowed.\n"
    log += OLD.removeprefix(f"{START}...\n{FAILED}")
    assert [d.code for d in parse(log).errors] == ["E16005", "EZ3003"]


def test_the_same_error_twice_is_one() -> None:
    assert parse(OLD + OLD).errors == parse(OLD).errors


def test_nothing_is_taken_from_n_a() -> None:
    log = f"{FAILED}E10007: [--framework] is required.\n        Possible Cause: N/A\n        Solution: N/A\n"
    assert (only(log).cause, only(log).solution) == ("", "")


def test_a_message_may_span_lines() -> None:
    log = (
        f"{FAILED}E10001: Value [-1] for parameter [input_2] is invalid. Reason: maybe you\n  should set input_shape.\n"
    )
    assert (
        only(log).message == "Value [-1] for parameter [input_2] is invalid. Reason: maybe you should set input_shape."
    )


def test_what_a_script_says_afterwards_is_no_message() -> None:
    log = f"{FAILED}E10007: [--framework] is required.\n\n转换失败\n"
    assert only(log).message == "[--framework] is required."
    assert only(f"{FAILED}E10007: [--framework] is required.\n转换失败\n").message == "[--framework] is required."


INNER = {
    "7.0": """E89999: Inner Error!
E89999 op[Add_7], The dtype is not same[FUNC:Check][FILE:util.cc][LINE:103]
Verifying Add_7 failed.[FUNC:Infer][FILE:infershape_pass.cc][LINE:135]
""",
    "8.1": f"""E89999: Inner Error!
E89999: {STAMP}op[Add_7], The dtype is not same[FUNC:Check][FILE:util.cc][LINE:103]
        TraceBack (most recent call last):
        process pass on node:Add_7 failed[FUNC:Run][FILE:base_pass.cc][LINE:507]
""",
    "9.1": f"""E89999: Internal error!
E89999{STAMP} Inner_Error(E89999):  op[Add_7], The dtype is not same[FUNC:Check][FILE:util.cc][LINE:103][THREAD:9]
TraceBack (most recent call last):
       Call InferShapeAndType for node:Add_7(Add) failed[FUNC:Infer][FILE:infershape_pass.cc][LINE:117]
""",
}


@pytest.mark.parametrize("inner", INNER.values(), ids=INNER)
def test_an_inner_error_keeps_what_it_says_and_the_node(inner: str) -> None:
    diagnostic = only(FAILED + inner)
    assert diagnostic.code == "E89999"
    assert diagnostic.message == "op[Add_7], The dtype is not same"
    assert diagnostic.nodes == ("Add_7",)


def test_a_node_that_only_the_traceback_names_is_kept() -> None:
    log = f"""{FAILED}E19999: Inner Error!
E19999  src_out_anchor is nullptr[FUNC:AddEdge][FILE:graph_utils.cc][LINE:9]
        TraceBack (most recent call last):
        Add edge to node[/neck/Resize(Resize)] failed.[FUNC:Link][FILE:onnx_parser.cc][LINE:5]
"""
    assert only(log).nodes == ("/neck/Resize",)
    assert only(log).message == "src_out_anchor is nullptr"


def test_an_empty_error_manager_is_an_error_all_the_same() -> None:
    log = f"{FAILED}E19999: Internal Error!\n        An unknown error occurred. Please check the log.\n"
    assert only(log).message == "An unknown error occurred. Please check the log."
    assert only("E19999: Inner Error!").code == "E19999"


def test_echoed_options_spinners_and_colours_are_no_text() -> None:
    log = (
        f"{START}option soc_version=Ascend310P3\n-\r\\\r|\r\x1b[31m-...\x1b[0m\n"
        + FAILED
        + "E10041: Failed to\n...\nload.\n"
    )
    assert only(log).message == "Failed to load."


def test_lost_line_ends_do_not_hide_an_error() -> None:
    joined = (
        f"{START.strip()}{FAILED.strip()}EZ3003: No supported Ops kernel and engine are found for [A_1], optype [A]."
    )
    read = parse(joined)
    assert (read.started, read.failed) == (True, True)
    assert read.errors[0].nodes == ("A_1",)
    assert parse(f"...{SUCCESS}").succeeded
    assert parse(f"  {SUCCESS.strip()}W11001: Op [A] does not hit").warnings[0].nodes == ("A",)


def test_fixed_phrases_may_be_shorter() -> None:
    assert parse("ATC run success\n").succeeded
    assert parse("ATC start working now, please wait for a moment...\n").started
    assert not parse("ATC run successor\n").succeeded


def test_a_success_line_inside_a_message_is_none() -> None:
    assert not parse(f"{FAILED}E16002: No ONNX parser is registered for optype [{SUCCESS.strip()}].\n").succeeded


def test_a_loader_that_fails_is_not_atc() -> None:
    log = "atc.bin: error while loading shared libraries: libascend_hal.so: cannot open shared object file\n"
    assert parse(log) == AtcLog(started=False, succeeded=False, failed=False, errors=(), warnings=())


def test_a_log_that_was_cut_in_the_middle_keeps_its_end() -> None:
    log = f"{START}{'noise ' * 50}\n... 104857600 bytes left out ...\nkernel(Conv_1) done\n{OLD.removeprefix(START)}"
    assert parse(log) == parse(OLD)


def test_messages_are_bounded() -> None:
    assert len(only(f"E10001: {'x' * 100_000}").message) == MAX_MESSAGE
    many = "".join(f"E10001: Value [{i}] is bad.\n" for i in range(MAX_DIAGNOSTICS + 50))
    assert len(parse(many).errors) == MAX_DIAGNOSTICS


def test_hostile_text_takes_linear_time() -> None:
    started = time.monotonic()
    for hostile in (
        "E10001: " + "Op [" * 100_000,
        ("E10001: " + "Op [a, optype [" * 1_000 + "\n") * 20,
        "E10001: x\nTraceBack (most recent call last):\n" + ("Op x. (" * 600 + "\n") * 100,
        " " * 1_000_000 + "x",
        "a " * 500_000,
        "[PID: " * 200_000,
        "[FUNC:" * 200_000,
        "E10001: x\n" * 30_000,
        "option " + "a" * 1_000_000,
    ):
        parse(hostile)
    assert time.monotonic() - started < 120


fragments = st.sampled_from(
    [*OLD.splitlines(keepends=True), *NEW.splitlines(keepends=True), SUCCESS, "E19999: Inner Error!\n", "E19999  x\n"]
)


@given(st.lists(st.one_of(fragments, st.text(max_size=20)), max_size=12).map("".join), st.data())
def test_any_mutation_of_a_log_is_read(log: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(log)))
    read = parse(log[:cut] + data.draw(st.text(max_size=3)) + log[cut + 1 :])
    assert all(diagnostic.code[0] in "EW" for diagnostic in (*read.errors, *read.warnings))


@given(st.binary(max_size=400))
def test_garbage_is_read(data: bytes) -> None:
    assert not parse(data.decode(errors="replace")).succeeded
