"""The conversion gate: a refusal with its codes and every node, or a compiled file with its warnings."""

from evidence_samples import chain, spec, toolchain

from ascend_assets.gates import conversion
from resources.ascend.toolchain import CompileRefused, CompileReport, Diagnostic


def refusal(*diagnostics: Diagnostic) -> CompileRefused:
    return CompileRefused(diagnostics, log="")


def unregistered(*nodes: str) -> Diagnostic:
    message = "No parser is registered for Op [a, optype [ai.onnx::23::Div]]."
    return Diagnostic(code="E19010", message=message, nodes=nodes, solution="Export with opset 18.")


def test_a_compiled_target_passes_where_its_origin_is_accepted() -> None:
    _, _, _, targets = chain(spec())
    (found,) = conversion.judge(targets["Ascend310P3"][0], spec())
    assert found.passed
    assert found.admits == ("dev",)
    assert found.value == 0
    assert found.subject == "7" * 64
    assert found.target == "Ascend310P3"
    assert "CANN 8.1.RC1" in found.why


def test_a_real_atc_is_measured_evidence() -> None:
    found = conversion.compiled(CompileReport(), toolchain=toolchain("measured"), subject="7" * 64)
    assert found.admits == ("dev", "staging", "prod")


def test_warnings_are_told_and_do_not_count() -> None:
    warning = Diagnostic(code="W11001", message="Op [Slice_29] is slow", nodes=("Slice_29",))
    found = conversion.compiled(CompileReport(warnings=(warning,)), toolchain=toolchain(), subject="7" * 64)
    assert found.passed
    assert "1 warning: W11001: Op [Slice_29] is slow [1 node: Slice_29]" in found.why


def test_every_refused_node_counts_and_is_named() -> None:
    found = conversion.refused(
        refusal(unregistered("a", "b", "c")), toolchain=toolchain(), subject="6" * 64, target="t"
    )
    assert not found.passed
    assert found.admits == ()
    assert found.value == 3
    assert found.subject == "6" * 64
    assert "E19010: No parser" in found.why
    assert "[3 nodes: a, b, c]" in found.why
    assert "Solution: Export with opset 18." in found.why


def test_a_reason_without_nodes_counts_once() -> None:
    found = conversion.refused(
        refusal(Diagnostic(code="E10001", message="Value [-1]"), unregistered("a", "b")),
        toolchain=toolchain(),
        subject="",
    )
    assert found.value == 3


def test_a_refusal_without_a_reason_is_still_a_refusal() -> None:
    found = conversion.refused(refusal(), toolchain=toolchain(), subject="")
    assert found.value == 1
    assert not found.passed
    assert "gave no reason" in found.why


def test_ten_thousand_nodes_are_counted_and_a_few_named() -> None:
    nodes = tuple(f"{'n' * 500}{i}" for i in range(10_000))
    found = conversion.refused(refusal(unregistered(*nodes)), toolchain=toolchain(), subject="")
    assert found.value == 10_000
    assert "10000 nodes" in found.why
    assert "and 9988 more" in found.why
    assert len(found.why) < 3000
