"""The check that warns, in Dagster: what was compiled is kept, what was refused is learnt from, nothing is blocked."""

from typing import Any

import dagster as dg
import onnx
from onnx import helper
from sandbox import Sandbox

from ascend_assets.risk import check as risk
from ascend_assets.risk import past
from benchmarks.two_layers import two_layers


def evaluation(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = [each for each in result.get_asset_check_evaluations() if each.check_name == risk.NAME]
    return found


def entries(found: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in found.metadata.items()}


def with_einsum(sandbox: Sandbox, seed: int) -> None:
    """The same mathematics as one Einsum of three inputs, which lint takes and the compiler refuses."""
    model = two_layers(seed=seed)
    del model.graph.node[:]
    made = helper.make_node("Einsum", ["x", "first", "second"], ["logits"], name="all", equation="ab,bc,cd->ad")
    model.graph.node.append(made)
    onnx.save(model, sandbox.model / "model.onnx")
    sandbox.commit(f"einsum {seed}")


def test_the_first_candidate_is_judged_by_a_guess_that_says_so(sandbox: Sandbox) -> None:
    result = sandbox.run()
    found = evaluation(result)
    assert found.passed
    assert "nothing was compiled here before" in (found.description or "")
    assert [(made.failed, made.facts.opset) for made in past.conversions(sandbox.instance)] == [(False, 17)]


def test_what_is_refused_is_blamed_next_time_and_blocks_nothing(sandbox: Sandbox) -> None:
    assert sandbox.run().success
    for seed in (1, 2, 3):
        with_einsum(sandbox, seed)
        refused = sandbox.run()
        assert not refused.success
    tried = past.conversions(sandbox.instance)
    assert [made.failed for made in tried] == [False, True, True, True]
    assert tried[-1].blamed == {"ai.onnx::Einsum"}
    found = evaluation(refused)
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert entries(found)["probability"] > risk.WARNS_ABOVE
    assert "ai.onnx::Einsum, refused in 2 of 2" in (found.description or "")
    steps = {event.step_key for event in refused.all_events if event.is_step_failure}
    assert steps == {"tiny__Ascend310P3__om"}, "the compiler stopped it, not the check"


def test_what_is_built_again_unchanged_is_not_counted_twice(sandbox: Sandbox) -> None:
    sandbox.run()
    sandbox.run()
    assert len(past.conversions(sandbox.instance)) == 1
