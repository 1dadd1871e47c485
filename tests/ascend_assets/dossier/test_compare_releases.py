"""What changed since the last release, from its manifest as plain data."""

import dossier_samples as samples
import pytest

from ascend_assets.dossier.changes import Changed, Changes
from ascend_assets.dossier.compare import compare_with_release
from ascend_assets.dossier.content import Content

NOW = samples.complete(by=samples.CANN)


def same(content: Content) -> dict[str, object]:
    """The manifest of a release of exactly this candidate."""
    assert content.onnx
    assert content.toolchain
    return {
        "version": "1.0.0",
        "candidate": content.candidate,
        "commit": content.source.commit,
        "onnx": content.onnx.file.model_dump(mode="json"),
        "signature": content.onnx.signature.model_dump(mode="json"),
        "targets": {t.key: {"soc_version": t.soc_version} for t in content.spec.targets},
        "toolchain": content.toolchain.model_dump(mode="json"),
        "verdicts": [v.model_dump(mode="json") for v in content.verdicts],
        "pipeline": dict(content.provenance),
    }


def test_the_first_release_has_nothing_to_be_compared_with() -> None:
    assert compare_with_release(None, NOW) == Changes(version=None)


def test_the_same_candidate_differs_in_nothing() -> None:
    changes = compare_with_release(same(NOW), NOW)
    assert not changes
    assert changes.unchanged == len(NOW.verdicts)


def test_every_kind_of_difference_is_found() -> None:
    changes = compare_with_release(samples.manifest(NOW), NOW, ("1a2b3c4 Train again",))
    assert changes
    assert changes.version == "1.4.0"
    assert changes.commits == ("1a2b3c4 Train again",)
    assert changes.commit == Changed("commit", "9f8e7d6c5b4a", samples.COMMIT[:12])
    assert changes.onnx is not None
    assert changes.signature == (Changed("input image", "float32 ?×3×256×256", "float32 ?×3×224×224"),)  # noqa: RUF001
    assert {c.what for c in changes.options} == {"target Ascend310B1", "target Ascend910B3"}
    assert changes.toolchain is not None
    assert [c.what for c in changes.pipeline] == ["requirements.lock"]


def test_verdicts_say_in_which_direction_they_moved() -> None:
    moved = {(c.criterion, c.target): c for c in compare_with_release(samples.manifest(NOW), NOW).verdicts}
    assert moved["latency_p99_ms", "Ascend310P3"].direction == "better"
    assert moved["task_metric_drop", "Ascend310P3"].direction == "worse"
    assert moved["underflow_layers", "Ascend310P3"].direction == "new"


@pytest.mark.parametrize(
    ("then", "direction"), [("NaN", "better"), ("Infinity", "better"), (-1.0, "worse"), (None, "new")]
)
def test_values_that_json_cannot_hold_are_compared_too(then: object, direction: str) -> None:
    manifest = {
        "version": "1.0.0",
        "verdicts": [{"criterion": "overflow_layers", "target": "Ascend310P3", "value": then}],
    }
    moved = {(c.criterion, c.target): c.direction for c in compare_with_release(manifest, NOW).verdicts}
    assert moved["overflow_layers", "Ascend310P3"] == direction


def test_a_criterion_that_is_no_longer_judged_is_gone() -> None:
    manifest = {"version": "1.0.0", "verdicts": [{"criterion": "retired", "value": 3.0, "unit": "ms"}]}
    gone = [c for c in compare_with_release(manifest, NOW).verdicts if c.direction == "gone"]
    assert [(c.criterion, c.before, c.after) for c in gone] == [("retired", 3.0, None)]


def test_options_are_compared_where_the_manifest_has_them() -> None:
    manifest = same(NOW)
    options = NOW.options("Ascend310P3").model_dump(mode="json")
    manifest["targets"] = {
        "Ascend310P3": {"soc_version": "Ascend310P3", "options": {**options, "precision_mode": "force_fp16"}},
        "Ascend910B3": {"soc_version": "Ascend910B3"},
    }
    changes = compare_with_release(manifest, NOW)
    assert changes.options == (Changed("Ascend310P3 precision_mode", "force_fp16", "allow_mix_precision"),)


def test_a_refused_candidate_is_compared_as_far_as_it_went() -> None:
    assert compare_with_release(samples.manifest(NOW), samples.refused())
