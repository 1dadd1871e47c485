"""Limits that production proposes: drawn from many looks, in order from dev to prod, and a patch that git applies."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from production_samples import NOW
from sandbox import git
from tiny import DEFS_YAML

from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.production.proposals import patch_of, propose
from ascend_assets.production.records import MetricsRecord
from ascend_assets.spec import ModelSpec

NAME = "ascend_assets/defs/tiny/defs.yaml"


def spec_of(text: str) -> ModelSpec:
    return ModelSpec.model_validate(yaml.safe_load(text)["attributes"])


def looks(
    figure: str, values: Sequence[float], environment: str = "prod", requests: float = 1000
) -> list[MetricsRecord]:
    return [
        MetricsRecord(
            key=str(n),
            made_from={},
            environment=environment,
            source="files",
            at=NOW - timedelta(hours=2 * n),
            figures={"requests": requests, figure: value},
        )
        for n, value in enumerate(values)
    ]


GATED = (
    DEFS_YAML + "  gates:\n    # What users see.\n    latency_p99_ms: {dev: 20.0, staging: 10.0, prod: 10.0}  # ms\n"
)


def test_a_limit_that_is_kept_by_far_is_proposed_tighter() -> None:
    found = propose(spec_of(GATED), "prod", looks("latency_p99_ms", [3.0] * 38 + [4.0] * 2))
    (one,) = found.proposals
    assert (one.criterion, one.kind, one.present, one.proposed) == ("latency_p99_ms", "tighten", 10.0, 3.6)
    assert "95% of 40 looks" in one.why


def test_a_limit_that_is_broken_as_a_rule_is_proposed_looser_up_to_the_one_before() -> None:
    found = propose(
        spec_of(GATED.replace("staging: 10.0", "staging: 15.0")), "prod", looks("latency_p99_ms", [14.0] * 40)
    )
    (one,) = found.proposals
    assert (one.kind, one.proposed) == ("loosen", 15.0), "17 ms would be looser than staging"
    assert "as a rule" in one.why


def test_where_order_forbids_it_there_is_a_reason_and_no_proposal() -> None:
    found = propose(spec_of(GATED), "prod", looks("latency_p99_ms", [14.0] * 40))
    assert not found.proposals
    assert "cannot be loosened in prod alone" in found.notes[0]
    found = propose(spec_of(GATED), "staging", looks("latency_p99_ms", [3.0] * 40, environment="staging"))
    assert not found.proposals
    assert "cannot be tightened in staging alone" in found.notes[0]


def test_a_limit_that_fits_is_left_alone() -> None:
    found = propose(spec_of(GATED), "prod", looks("latency_p99_ms", [7.5] * 40))
    assert (found.proposals, found.notes) == ((), ())


@pytest.mark.parametrize(
    "few",
    [
        looks("latency_p99_ms", [3.0] * 23),
        looks("latency_p99_ms", [3.0] * 40, requests=99),
        looks("latency_p99_ms", [3.0] * 40, environment="dev"),
        [one.model_copy(update={"at": NOW}) for one in looks("latency_p99_ms", [3.0] * 40)],
        [],
    ],
    ids=["few looks", "few requests", "elsewhere", "one moment", "none"],
)
def test_too_little_proposes_nothing_and_says_what_is_missing(few: list[MetricsRecord]) -> None:
    found = propose(spec_of(GATED), "prod", few)
    assert not found.proposals
    assert found.notes[0].startswith("nothing is proposed yet")


def test_busy_hours_propose_throughput_and_utilisation_and_idle_ones_nothing() -> None:
    (busy,) = propose(spec_of(GATED), "prod", looks("requests_per_second", [160.0] * 40)).proposals
    assert (busy.criterion, busy.kind, busy.proposed) == ("throughput", "tighten", 12.0), "16 cards in prod share it"
    (used,) = propose(spec_of(GATED), "dev", looks("npu_utilisation", [0.6] * 40, environment="dev")).proposals
    assert (used.criterion, used.proposed) == ("aicore_utilisation", 0.5)
    assert not propose(spec_of(GATED), "prod", looks("requests_per_second", [0.0] * 40)).proposals
    assert not propose(spec_of(GATED), "prod", looks("npu_utilisation", [0.1] * 40)).proposals


LAYOUTS = {
    "flow of environments": GATED,
    "block of environments": DEFS_YAML
    + "  gates:\n    latency_p99_ms:\n      dev: 20.0   # dev\n      prod: 20.0\n\n# end\n",
    "an environment without one": DEFS_YAML + "  gates:\n    latency_p99_ms: {dev: 20.0}\n",
    "a block without one": DEFS_YAML
    + "  gates:\n    latency_p99_ms:\n      dev: 20.0  # only dev\n    # next\n    opset: 11\n",
    "one number for all": DEFS_YAML + "  gates:\n    latency_p99_ms: 20\n    opset: 11\n",
    "other gates": DEFS_YAML + "  gates:\n    opset: 11 # old\n  # after\n  description: >-\n    Two\n    lines\n",
    "gates in one line": DEFS_YAML + "  gates: {opset: 11}\n",
    "empty gates": DEFS_YAML + "  gates: {}\n",
    "no gates": DEFS_YAML,
    "no gates, and text at the end": DEFS_YAML + "  description: |\n    Two\n    lines\n",
    "no line feed at the end": DEFS_YAML.rstrip("\n"),
    "lines as Windows ends them": GATED.replace("\n", "\r\n"),
    "other letters": "# 模型\n" + GATED,
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_the_patch_applies_and_changes_only_the_limit(text: str, tmp_path: Path) -> None:
    spec = spec_of(text)
    (one,) = propose(spec, "prod", looks("latency_p99_ms", [3.0] * 40)).proposals
    file = tmp_path / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode())
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "config", "core.autocrlf", "false")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "a model")
    patch = patch_of(spec, file, NAME, [one])
    assert patch.why_not == ""
    (tmp_path / "limits.patch").write_bytes(patch.diff.encode())
    git(tmp_path, "apply", "--check", "limits.patch")
    git(tmp_path, "apply", "limits.patch")
    after = file.read_bytes().decode()
    changed = spec_of(after)
    assert changed.limits("latency_p99_ms") == {**spec.limits("latency_p99_ms"), "prod": 3.6}
    assert changed.model_dump(exclude={"gates"}) == spec.model_dump(exclude={"gates"})
    assert [line for line in text.splitlines() if "#" in line and "ms:" not in line] == [
        line for line in after.splitlines() if "#" in line and "ms:" not in line
    ], "every comment stays"
    assert ("\r\n" in after) == ("\r\n" in text)


def test_several_limits_are_one_patch(tmp_path: Path) -> None:
    spec = spec_of(GATED)
    file = tmp_path / "defs.yaml"
    file.write_text(GATED)
    seen = looks("latency_p99_ms", [3.0] * 40)
    seen = [one.model_copy(update={"figures": {**one.figures, "requests_per_second": 160.0}}) for one in seen]
    patch = patch_of(spec, file, "defs.yaml", propose(spec, "prod", seen).proposals)
    assert "-    latency_p99_ms: {dev: 20.0, staging: 10.0, prod: 10.0}  # ms" in patch.diff
    assert "+    latency_p99_ms: {dev: 20.0, staging: 10.0, prod: 3.6}  # ms" in patch.diff
    assert "+    throughput: {prod: 12.0}" in patch.diff


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GATED.replace("prod: 10.0", "prod: 9.0"), "has changed"),
        ("attributes: [", "no patch could be made"),
        ("", "no patch could be made"),
        ("\xff", "no patch could be made"),
    ],
)
def test_a_file_that_is_another_by_now_gets_no_patch(text: str, why: str, tmp_path: Path) -> None:
    spec = spec_of(GATED)
    file = tmp_path / "defs.yaml"
    file.write_bytes(text.encode("latin-1"))
    patch = patch_of(spec, file, NAME, propose(spec, "prod", looks("latency_p99_ms", [3.0] * 40)).proposals)
    assert patch.diff == ""
    assert why in patch.why_not
    gone = patch_of(
        spec, tmp_path / "gone.yaml", NAME, propose(spec, "prod", looks("latency_p99_ms", [3.0] * 40)).proposals
    )
    assert "no patch could be made" in gone.why_not


def test_nothing_proposed_is_no_patch(tmp_path: Path) -> None:
    assert patch_of(spec_of(GATED), tmp_path / "gone.yaml", NAME, ()).diff == ""


@settings(max_examples=40, deadline=None)
@given(
    bounds=st.lists(st.floats(0.5, 100), min_size=3, max_size=3).map(lambda b: sorted(b, reverse=True)),
    kept=st.lists(st.floats(0.01, 300), min_size=24, max_size=26),
    used=st.floats(0, 1),
    environment=st.sampled_from(("dev", "staging", "prod")),
)
def test_whatever_is_proposed_is_a_model_that_loads(
    bounds: list[float], kept: list[float], used: float, environment: str
) -> None:
    limits = dict(zip(("dev", "staging", "prod"), bounds, strict=True))
    spec = spec_of(DEFS_YAML + f"  gates:\n    latency_p99_ms: {limits}\n")
    seen = [
        one.model_copy(update={"figures": {**one.figures, "npu_utilisation": used, "requests_per_second": 50 * used}})
        for one in looks("latency_p99_ms", kept, environment=environment)
    ]
    for one in propose(spec, environment, seen).proposals:
        gates = {**spec.gates, one.criterion: {**spec.limits(one.criterion), environment: one.proposed}}
        ModelSpec.model_validate({**yaml.safe_load(DEFS_YAML)["attributes"], "gates": gates})
        tighter = (one.proposed < one.present) == (CRITERIA[one.criterion].sense == "<=")
        assert (one.kind == "tighten") == tighter
        assert one.proposed != one.present
