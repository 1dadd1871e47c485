"""What stands between atc and a reader of its console is put right, and what stands in no run of atc's is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.compiling.atc_log import AtcLog, parse
from resources.ascend.cann.compiling.console import FAILURE, START, SUCCESS, lines

FAILED = f"{FAILURE}, Please check the detail log, Try 'atc --help' for more information"
SECTIONS = (
    "EZ3003: No supported Ops kernel and engine are found for [/net/A_1], optype [Foo].",
    "        Possible Cause: In no library.",
    "        Solution: 1. Install it. 2. Ask for it.",
    "        TraceBack (most recent call last):",
    "        No supported Ops kernel and engine are found for [/net/A_2], optype [Foo].",
    "        build graph failed, graph id:0, ret:-1[FUNC:Build][FILE:generator.cc][LINE:148]",
    "        No supported Ops kernel and engine are found for [/net/B_1], optype [Bar].",
)
LOG = "\n".join((START, "...", FAILED, *SECTIONS)) + "\n"
LOGGED = "[ERROR] GE(30741,atc.bin):2026-01-02-16:10:22.539.201 [manager.cc:263]30741 Report: node[/net/Z_9] is bad\n"


def read(log: str) -> AtcLog:
    return parse(log)


@pytest.mark.parametrize(
    "spoilt",
    [
        LOG.replace("\n", "\r\n"),
        LOG.replace("        ", "\t"),
        LOG.replace("        ", ""),
        LOG.replace("        ", "\u00a0\u00a0"),
        "".join(f"      {line}\n" for line in LOG.splitlines()),
        "".join(f"> {line}\n" for line in LOG.splitlines()),
        "".join(f"\x1b[31m{line}\x1b[0m\n" for line in LOG.splitlines()),
        LOG.replace("...\n", "......\n...\n-...\n|\r/\r-......\n"),
        LOG.replace(f"...\n{FAILED}", f"......{FAILED}"),
        LOG.replace("\n        ", "\n" + LOGGED + "        ") + LOGGED,
        LOG.replace("'", "&#39;").replace("        ", "&nbsp;&nbsp;"),
        LOG.replace("Cause:", "Cause\uff1a").replace("EZ3003:", "EZ3003\uff1a"),
        LOG.replace("EZ3003:", "报错信息: EZ3003:"),
        f"# 转换失败\n{LOG}\n请问怎么解决?\n",
        " ".join(line.strip() for line in LOG.splitlines()),
        LOG.replace("\n        Possible", " Possible").replace("\n        Solution", "Solution"),
        f"{START}\n{FAILED}\nE10001: Value [1] for parameter [--a] is invalid.\n{LOG}",
        f"{START}\n{SUCCESS}\nW11001: Op [Slice_1] does not hit the library.\n{LOG}",
    ],
)
def test_what_spoils_a_console_changes_nothing(spoilt: str) -> None:
    assert read(spoilt) == read(LOG)


def test_what_it_is_that_is_not_changed() -> None:
    log = read(LOG)
    assert (log.started, log.succeeded, log.failed) == (True, False, True)
    first, second = log.errors
    assert (first.nodes, second.nodes) == (("/net/A_1", "/net/A_2"), ("/net/B_1",))
    assert (first.cause, first.solution) == ("In no library.", "1. Install it. 2. Ask for it.")


def test_the_last_run_counts() -> None:
    again = read(f"{LOG}{START}\n{SUCCESS}\n")
    assert (again.succeeded, again.failed, again.errors) == (True, False, ())
    cut = read(f"{START}\n{SUCCESS}\n{START}\n...\n")
    assert (cut.started, cut.succeeded) == (True, False)


def test_an_error_in_two_lines_is_kept_in_one() -> None:
    log = read("E19999: Inner Error! E19999:\n[PID: 33] 2026-01-02-03:04:05.006.007 The opp\nversion is old[FUNC:C]\n")
    assert [error.message for error in log.errors] == ["The opp version is old"]


@pytest.mark.parametrize(
    "line",
    [
        "E100: x",
        "EZ: x",
        "e19010: x",
        "E1234567: x",
        "EZ99999999: x",
        "E1001: x",
        "W0612: unused",
        "xEZ3003: x",
        "E: x",
    ],
)
def test_what_looks_like_a_code_is_none(line: str) -> None:
    assert read(f"{FAILED}\n{line}\n").errors == ()


@pytest.mark.parametrize("title", ["", "Not_Supported_Operator"])
def test_the_error_manager_of_cann_9_may_know_no_title(title: str) -> None:
    stamp = "[PID: 7] 2026-01-02-03:04:05.006.007"
    (error,) = read(f"{FAILED}\n{stamp} {title}(EZ3003): No supported Ops kernel and engine are found.\n").errors
    assert (error.code, error.title) == ("EZ3003", title)
    (inner,) = read(f"EZ9999: Inner Error!\nEZ9999{stamp} {title}(EZ9999):  The first dim should be 128.\n").errors
    assert (inner.message, inner.title) == ("The first dim should be 128.", title)


def test_a_check_of_parameters_stands_before_the_code_of_its_error() -> None:
    log = f"""{FAILED}
EH9999: Inner Error!
        op[Add_7], input is null[FUNC:Check][FILE:check.cc][LINE:53]
        the second check of node:Sub_8(Sub) failed
EH9999[PID: 7] 2026-01-02-03:04:05.006.007 ACL_Error(EH9999):  wait for device failed.[FUNC:Wait][FILE:w.cc][LINE:1]
        TraceBack (most recent call last):
       Call InferShapeAndType for node:Mul_9(Mul) failed[FUNC:Infer][FILE:p.cc][LINE:117]
"""
    (error,) = read(log).errors
    assert (error.message, error.title) == ("op[Add_7], input is null", "ACL_Error")
    assert error.nodes == ("Add_7", "Sub_8", "Mul_9")


def test_a_message_of_many_lines_is_kept_with_its_solution() -> None:
    log = f"""{FAILED}
E40021: Failed to compile Op [Neg_2]. (oppath: [Compile /opp/neg.py failed with errormsg/stack: File "x.py", in build
    raise RuntimeError(args_dict)
/tikcpp/macros.h:24:10: fatal error: 'cstdint' file not found

], optype: [Neg])
        Solution: See the host log.
        TraceBack (most recent call last):
        Compile op[Neg_2] failed, oppath[/opp/neg.py], optype[Neg], taskID[14].[FUNC:Report][FILE:f.cc][LINE:367]
"""
    (error,) = read(log).errors
    assert (error.code, error.nodes, error.solution) == ("E40021", ("Neg_2",), "See the host log.")


@given(st.text(alphabet="E Z3:.[]>&#39;\n\u00a0ATC", max_size=200))
def test_no_line_is_longer_for_being_put_right(log: str) -> None:
    assert sum(map(len, lines(log))) <= len(log)
