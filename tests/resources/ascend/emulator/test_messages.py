"""The log reads as ATC's: every head line is what the parser of a real log looks for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.emulator.messages import FAILURE, START, SUCCESS, TEMPLATES, Stamp, diagnostic, render
from resources.ascend.toolchain import Diagnostic

STAMP = r"(?:\[PID:\s*\d+\]\s*)?(?:\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d\.\d{3}\.\d{3}\s*)?"
HEAD = re.compile(
    rf"^\s*{STAMP}(?:(?P<title>[A-Za-z_ ]+)\()?(?P<code>(?:E|W)[A-Z]?\d{{4,5}})\)?:\s*{STAMP}(?P<msg>.*)$"
)
"""Matches the head line of every generation of ATC's log."""

NOW = Stamp(10490, "2025-03-18-09:02:18.501.341")
CONV = diagnostic(
    "E19010", "conv1", "ai.onnx::23::Conv", nodes=("conv1", "conv2", "conv3"), solution="Export with opset 18."
)


def heads(log: str) -> list[tuple[str, str]]:
    found = (HEAD.match(line) for line in log.splitlines())
    return [(match["code"], match["msg"]) for match in found if match]


def test_a_refusal_has_its_first_node_on_the_head_line_and_the_rest_in_the_traceback() -> None:
    assert render([CONV], ok=False) == (
        "ATC start working now, please wait for a moment.\n"
        "...\n"
        "ATC run failed, Please check the detail log, Try 'atc --help' for more information\n"
        "E19010: No parser is registered for Op [conv1, optype [ai.onnx::23::Conv]].\n"
        "        Solution: Export with opset 18.\n"
        "        TraceBack (most recent call last):\n"
        "        No parser is registered for Op [conv2, optype [ai.onnx::23::Conv]].\n"
        "        No parser is registered for Op [conv3, optype [ai.onnx::23::Conv]].\n"
    )


def test_one_head_line_for_each_code_in_the_order_of_their_first() -> None:
    other = diagnostic("E16005", 2, solution="Leave one.")
    second = diagnostic("E19010", "g", "ai.onnx::23::Gelu", nodes=("g",), solution="Replace it.")
    log = render([CONV, other, second], ok=False)
    assert [code for code, _ in heads(log)] == ["E19010", "E16005"]
    assert "Op [g, optype [ai.onnx::23::Gelu]]" in log
    assert "Solution: 1. Export with opset 18. 2. Replace it." in log


def test_an_unsupported_kernel_lists_its_nodes_as_atc_does() -> None:
    item = diagnostic("EZ3002", "Cast", "AIcoreEngine", "No", nodes=("a", "b"))
    log = render([item], ok=False)
    assert "        No supported Ops kernel and engine are found for [a], optype [Cast].\n" in log
    assert "        No supported Ops kernel and engine are found for [b], optype [Cast].\n" in log


def test_warnings_follow_success_one_line_for_each_node() -> None:
    warning = diagnostic("W11001", "Slice_29", nodes=("Slice_29", "Slice_30"))
    lines = render([warning], ok=True).splitlines()
    assert lines[0] == START
    assert lines[2] == SUCCESS
    assert lines[3] == (
        "W11001: Op [Slice_29] does not hit the high-priority operator information library, "
        "which might result in compromised performance."
    )
    assert "[Slice_30]" in lines[4]


def test_a_success_without_warnings_ends_with_the_success_line() -> None:
    assert render([], ok=True).endswith(f"{SUCCESS}\n")
    assert FAILURE not in render([], ok=True)


def test_the_newer_layouts_carry_process_and_time() -> None:
    assert "\nE19010: [PID: 10490] 2025-03-18-09:02:18.501.341 No parser" in render(
        [CONV], ok=False, generation="8", stamp=NOW
    )
    assert "\n[PID: 10490] 2025-03-18-09:02:18.501.341 Not_Supported_Operator(E19010): No parser" in render(
        [CONV], ok=False, generation="9", stamp=NOW
    )


@pytest.mark.parametrize("stamp", [None, NOW])
@pytest.mark.parametrize("generation", ["7", "8", "9"])
@pytest.mark.parametrize("code", sorted(TEMPLATES))
def test_every_head_line_is_one_that_a_parser_of_atcs_log_finds(
    code: str, generation: str, stamp: Stamp | None
) -> None:
    values = [f"value{index}" for index in range(TEMPLATES[code].count("{}"))]
    item = diagnostic(code, *values, cause="A cause: with colons.", solution="A solution.")
    log = render([item], ok=code.startswith("W"), generation=generation, stamp=stamp)  # type: ignore[arg-type]
    assert heads(log) == [(code, item.message)]


@given(st.text(min_size=1), st.text(min_size=1), st.text())
def test_no_name_can_forge_a_line(first: str, second: str, solution: str) -> None:
    item = Diagnostic(code="E19010", message=f"Op [{first}, x]", nodes=(first, second), solution=solution)
    lines = render([item], ok=False).splitlines()
    assert len(lines) == 6 + bool(solution)
    assert [code for code, _ in heads("\n".join(lines[3:4]))] == ["E19010"]
    assert all(line.startswith("        ") for line in lines[4:])
    assert SUCCESS not in lines
