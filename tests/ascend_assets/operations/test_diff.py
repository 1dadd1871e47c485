"""What changed from one release to another: nothing that matters is left out, and going back says so."""

from typing import Any

import pytest
import registry_samples as samples
from moving import World, world

from ascend_assets.operations import differences
from ascend_assets.operations.diff import Diff, diff
from ascend_assets.operations.differences import Changed, File
from resources.onnx_files.signature import Signature, TensorType
from resources.registry.bundles import Bundles
from resources.registry.manifests import CorruptRelease, NotReleased
from resources.registry.releases import Release
from resources.registry.versions import Change, InvalidVersion

__all__ = ["world"]

X = TensorType(name="x", dtype="float32", shape=(1, 8))
Y = TensorType(name="y", dtype="int64", shape=(-1,))


def verdict(value: float | str | None, criterion: str = "cosine", **fields: Any) -> dict[str, Any]:
    own = {"criterion": criterion, "target": "Ascend310P3", "value": value, "sense": ">=", "limits": {"dev": 0.99}}
    return {**own, "admits": ["dev"], **fields}


def publish(world: World, version: str, **fields: Any) -> Release:
    made = samples.release(world.tools.blobs, version, **fields)
    world.tools.registry.publish(made)
    return made


def compare(world: World, before: dict[str, Any], after: dict[str, Any]) -> Diff:
    publish(world, "1.0.0", **before)
    publish(world, "1.1.0", **after)
    return diff(world.tools, "digits", "1.0.0", "1.1.0")


def test_two_releases_of_one_content_differ_in_nothing(world: World) -> None:
    found = compare(world, {}, {})
    assert (found.change, found.signature, found.toolchain, found.verdicts) == (None, (), (), ())
    assert found.same_verdicts == 1
    assert not any(file.changed for file in found.files)
    assert [file.what for file in found.files] == ["onnx", "Ascend310P3 om", "evaluation"]


def test_inputs_and_outputs_that_came_went_or_changed(world: World) -> None:
    wider = X.model_copy(update={"shape": (-1, 8)})
    found = compare(
        world,
        {"signature": Signature(inputs=(X,), outputs=(Y,))},
        {"signature": Signature(inputs=(wider, Y), outputs=())},
    )
    assert found.change is Change.MAJOR
    assert found.signature == (
        Changed("input x", "float32 [1, 8]", "float32 [?, 8]"),
        Changed("input y", "", "int64 [?]"),
        Changed("output y", "int64 [?]", ""),
    )


def test_another_order_of_inputs_is_a_change(world: World) -> None:
    found = compare(
        world, {"signature": Signature(inputs=(X, Y), outputs=())}, {"signature": Signature(inputs=(Y, X), outputs=())}
    )
    assert found.signature == (Changed("order of inputs", "x, y", "y, x"),)


def test_files_are_told_with_sizes_per_target(world: World) -> None:
    found = compare(world, {"om": b"om", "weights": b"w"}, {"om": b"larger", "weights": b"w"})
    assert found.change is Change.PATCH
    onnx, om, _ = found.files
    assert not onnx.changed
    assert om.before is not None
    assert om.after is not None
    assert (om.changed, om.before.size, om.after.size) == (True, 2, 6)


def test_a_target_that_came_has_no_file_before(world: World) -> None:
    base = samples.release(world.tools.blobs)
    target = base.targets["Ascend310P3"]
    more = {**base.targets, "Ascend910B4": target.model_copy(update={"soc_version": "Ascend910B4"})}
    found = compare(world, {}, {"targets": more})
    assert File("Ascend910B4 om", None, target.om) in found.files
    assert Changed("soc_version of Ascend910B4", "", "Ascend910B4") in found.toolchain


def test_the_toolchain_the_sources_and_the_pipeline_are_compared(world: World) -> None:
    base = samples.release(world.tools.blobs)
    newer = base.toolchain.model_copy(update={"version": "2"})
    found = compare(world, {}, {"toolchain": newer, "commit": "f" * 40, "pipeline": {"requirements.lock": "c" * 64}})
    assert found.toolchain == (Changed("version", "1", "2"),)
    assert found.built_from == (
        Changed("commit", base.commit, "f" * 40),
        Changed("requirements.lock", "b" * 64, "c" * 64),
    )


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        (verdict(0.99), verdict(0.999), "better"),
        (verdict(0.999), verdict(0.99), "worse"),
        (verdict(1.0, sense="<="), verdict(2.0, sense="<="), "worse"),
        (verdict(0.99), verdict("NaN"), "worse"),
        (verdict("NaN"), verdict(0.99), "better"),
        (verdict(None), verdict(0.99), "new"),
        (verdict(0.99), verdict(None), "gone"),
        (verdict(0.99), verdict(0.99, limits={"dev": 0.9}), "other"),
        (verdict(0.99), verdict(0.99, admits=[]), "other"),
    ],
)
def test_a_verdict_that_changed_says_how(
    world: World, before: dict[str, Any], after: dict[str, Any], direction: str
) -> None:
    found = compare(world, {"verdicts": (before,)}, {"verdicts": (after,)})
    (changed,) = found.verdicts
    assert (changed.criterion, changed.target, changed.direction) == ("cosine", "Ascend310P3", direction)
    assert changed.before is not None
    assert changed.after is not None
    assert found.same_verdicts == 0


@pytest.mark.parametrize("value", [0.99, "NaN", None, "Infinity"])
def test_a_verdict_that_is_the_same_is_counted(world: World, value: Any) -> None:
    found = compare(world, {"verdicts": (verdict(value),)}, {"verdicts": (verdict(value),)})
    assert (found.verdicts, found.same_verdicts) == ((), 1)


def test_a_criterion_that_came_or_went_is_told(world: World) -> None:
    found = compare(world, {"verdicts": (verdict(1.0, "opset"),)}, {"verdicts": (verdict(1.0, "cosine"),)})
    assert [(v.criterion, v.direction, v.before is None) for v in found.verdicts] == [
        ("cosine", "new", True),
        ("opset", "gone", False),
    ]


def test_a_manifest_whose_verdicts_are_nonsense_is_named_with_the_place(world: World) -> None:
    with pytest.raises(CorruptRelease, match=r"digits 1\.1\.0: verdicts\.0\.value"):
        compare(world, {}, {"verdicts": (verdict("a lot"),)})


def test_authors_and_changelog_are_those_of_every_release_between(world: World) -> None:
    publish(world, "1.0.0", authors=("Zoe <zoe@example.org>",), changelog="first")
    publish(world, "1.1.0", authors=("Bob <bob@example.org>",), changelog="second")
    publish(world, "1.2.0", authors=("Ada <ada@example.org>",), changelog="third")
    publish(world, "1.3.0", authors=("Eve <eve@example.org>",), changelog="fourth")
    there, back = (diff(world.tools, "digits", *pair) for pair in (("1.0.0", "1.2.0"), ("1.2.0", "1.0.0")))
    assert there.authors == ("Ada <ada@example.org>", "Bob <bob@example.org>")
    assert [(log.version, log.text) for log in there.changelog] == [("1.2.0", "third"), ("1.1.0", "second")]
    assert (there.undone, back.undone) == (False, True)
    assert (back.authors, back.changelog) == (there.authors, there.changelog)


def test_two_bundles_differ_in_members_files_and_in_what_those_changed(world: World) -> None:
    publish(world, "1.0.0")
    publish(world, "1.1.0", weights=b"other")
    tokenizer = publish(world, "1.0.0", model="tokenizer")
    old, new = (world.tools.registry.get("digits", version) for version in ("1.0.0", "1.1.0"))
    bundles = Bundles(world.store)
    bundles.publish(samples.bundle(world.tools.blobs, old))
    file = {"tokenizer": world.tools.blobs.put_bytes(b"other", "tokenizer.json")}
    bundles.publish(samples.bundle(world.tools.blobs, new, tokenizer, version="2.0.0", files=file, changelog="better"))
    found = diff(world.tools, "speech", "1.0.0", "2.0.0")
    assert found.change is Change.MAJOR
    assert found.members == (Changed("digits", "1.0.0", "1.1.0"), Changed("tokenizer", "", "1.0.0"))
    assert [(f.what, f.changed) for f in found.files] == [("tokenizer", True)]
    assert [(inner.name, inner.change) for inner in found.inside] == [("digits", Change.MINOR)]
    assert [log.text for log in found.changelog] == ["better"]


def test_versions_that_are_not_there_are_told(world: World) -> None:
    publish(world, "1.0.0")
    with pytest.raises(NotReleased, match=r"no release 9\.9\.9; the newest are: 1\.0\.0"):
        diff(world.tools, "digits", "1.0.0", "9.9.9")
    with pytest.raises(InvalidVersion):
        diff(world.tools, "digits", "1.0.0", "newest")


def test_an_unknown_shape_is_no_scalar(world: World) -> None:
    unknown, scalar = (X.model_copy(update={"shape": shape}) for shape in (None, ()))
    (change,) = compare(
        world,
        {"signature": Signature(inputs=(unknown,), outputs=())},
        {"signature": Signature(inputs=(scalar,), outputs=())},
    ).signature
    assert (change.before, change.after) == ("float32, shape unknown", "float32 []")


def test_values_are_spoken_as_people_read_them() -> None:
    then, now = {"dirty": False, "owners": ("a", "b"), "gone": None}, {"dirty": True, "owners": (), "gone": "x"}
    assert [*differences.mapping(then, now)] == [
        Changed("dirty", "no", "yes"),
        Changed("owners", "a, b", ""),
        Changed("gone", "", "x"),
    ]
