"""What is private does not leave this machine, whatever stands around it."""

import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.copilot.redaction import Redactor, visible

ENVIRON = {"MY_TOKEN": "zq8-very-private-17", "DATABASE": "postgres://u:hunter22@db/x", "LANG": "C.UTF-8"}
PRIVATE = [
    "sk-proj-abcdefgh12345678",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "glpat-abcdefghij0123456789",
    "hf_abcdefghijklmnopqrstuvwx",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefghij",
    "zq8-very-private-17",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "someone.else@corp.example.com",
    "https://user:hunter22@git.corp.example/x.git",
    "http://10.20.30.40:8080/v1",
    "10.20.30.40",
    "build-7.corp.internal",
    "registry.example.com:5000",
    "/home/somebody/models/a.onnx",
    "/data/project-x/weights/model.onnx",
    "C:\\Users\\somebody\\model.onnx",
]
AROUND = st.text(alphabet=string.ascii_letters + string.digits + " .,:;()中文", max_size=40)


@pytest.mark.parametrize("private", PRIVATE)
def test_what_is_private_is_replaced(private: str) -> None:
    line = Redactor(ENVIRON).line(f"[ERROR] failed: {private} was not found", 300)
    assert private not in line
    assert line.startswith("[ERROR] failed: ")
    assert line.endswith("was not found")


@given(st.sampled_from(PRIVATE), AROUND, AROUND)
@settings(max_examples=300, deadline=None)
def test_it_is_replaced_wherever_it_stands(private: str, before: str, after: str) -> None:
    assert private not in Redactor(ENVIRON).line(f"{before} {private} {after}", 300)


@given(st.sampled_from([one for one in PRIVATE if len(one) > 20]), st.integers(1, 400))
@settings(max_examples=100, deadline=None)
def test_cutting_leaves_no_half_of_it(private: str, before: int) -> None:
    line = Redactor(ENVIRON).line(f"{'word ' * before}{private} {'word ' * 300}", 300)
    assert len(line) <= 300
    assert private[:16] not in line


@pytest.mark.parametrize(
    "hidden", ["sk-proj-\u200babcdefgh12345678", "sk-proj-abcdefgh\u00ad12345678", "\uff33\uff2b-x"]
)
def test_invisible_characters_hide_nothing(hidden: str) -> None:
    assert "12345678" not in Redactor(ENVIRON).line(f"key {hidden} end", 300)


@pytest.mark.parametrize(
    "text",
    [
        "[ERROR] E19010: No parser is registered for Op [n1], optype [ai.onnx::13::GridSample].",
        "node n1 (LayerNormalization) overflows: 65504 and epsilon 1e-05",
        "算子 Resize 不支持,请检查 opset 版本",
        "TBE compile failed, soc_version Ascend310P3, op Conv2D, pass ABFusionPass",
    ],
)
def test_what_a_diagnosis_needs_stays(text: str) -> None:
    assert Redactor(ENVIRON).line(text, 300) == visible(text)


def test_the_same_thing_has_the_same_placeholder() -> None:
    redactor = Redactor({})
    first = redactor.line("a https://one.example/x b", 300)
    again = redactor.line("c https://one.example/x d https://two.example/y", 300)
    assert first == "a <url-1> b"
    assert again == "c <url-1> d <url-2>"


@given(st.text(max_size=500))
@settings(max_examples=200, deadline=None)
def test_a_line_is_one_line_and_bounded(text: str) -> None:
    line = Redactor({}).line(text, 100)
    assert len(line) <= 100
    assert line == visible(line)
    assert "\n" not in line


@pytest.mark.parametrize("unit", ["a.", "/a", "a@", ":", "A", "://a", "-----BEGIN A-----", "= ", "1.", "\\a", "~/"])
def test_no_text_takes_long(unit: str) -> None:
    begin = time.monotonic()
    Redactor({}).line(unit * 20_000, 300)
    assert time.monotonic() - begin < 20
