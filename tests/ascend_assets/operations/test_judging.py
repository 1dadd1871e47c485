"""Judging a release again: from its own records, each about exactly this release, or not at all."""

from pathlib import Path
from typing import Any

import pytest
from moving import World, world

from ascend_assets import models
from ascend_assets.codec import read_record, write_record
from ascend_assets.operations import judging
from ascend_assets.operations.judging import NotJudgeable
from ascend_assets.records import BenchmarkRecord
from resources.home import PROJECT
from resources.store.blobs import Blobs, FolderStore

__all__ = ["world"]

BENCHMARK = "Ascend310P3__benchmark"


def test_a_release_is_judged_from_its_evidence(world: World) -> None:
    found = {v.criterion: v for v in judging.rejudge(world.tools, world.publish(0))}
    assert {"chain", "provenance", "opset", "cosine_similarity", "latency_p99_ms"} <= found.keys()
    assert all("dev" in verdict.admits for verdict in found.values())
    assert found["chain"].value == 0


def test_the_lock_is_that_of_the_release(world: World) -> None:
    lacking = world.publish(0, pipeline={"requirements.lock": ""})
    (provenance,) = [v for v in judging.rejudge(world.tools, lacking) if v.criterion == "provenance"]
    assert "digest of the dependency lock" in provenance.why


def test_a_release_that_an_image_made_is_judged_by_the_image_s_lock(world: World) -> None:
    made = world.publish(0, pipeline={"requirements.runtime.lock": "c" * 64})
    (provenance,) = [v for v in judging.rejudge(world.tools, made) if v.criterion == "provenance"]
    assert provenance.value == 0


@pytest.mark.parametrize("folder", models.folders(models.DEFS), ids=lambda folder: folder.name)
def test_a_definition_is_kept_whole(tmp_path: Path, folder: Path) -> None:
    blobs, spec = Blobs(FolderStore(tmp_path)), models.load(folder)
    assert judging.definition(blobs, judging.keep_definition(blobs, spec)) == spec


def test_there_are_definitions() -> None:
    assert models.folders(PROJECT / "ascend_assets" / "defs")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"source": "0" * 64}, "source is 000000000000 in the manifest"),
        ({"candidate": "20261120-1403-git-000000000000"}, "candidate is"),
        ({"commit": "b" * 40}, "commit is"),
        ({"model": "tiny"}, "model is tiny"),
        ({"evaluation": "x"}, "evaluation is"),
        ({"signature": None}, "signature is"),
        ({"targets": {}}, "targets is"),
    ],
)
def test_evidence_about_another_artefact_is_none(world: World, fields: dict[str, Any], why: str) -> None:
    made = world.publish(0)
    with pytest.raises(NotJudgeable, match=f"not about this release: .*{why}"):
        judging.rejudge(world.tools, made.model_copy(update=fields))


@pytest.mark.parametrize("field", ["om_identity", "soc_version", "precision", "benchmark"])
def test_evidence_about_another_target_is_none(world: World, field: str) -> None:
    made = world.publish(0)
    target = made.targets["Ascend310P3"].model_copy(update={field: "1" * 64})
    with pytest.raises(NotJudgeable, match=f"Ascend310P3 {field} is 111111111111"):
        judging.rejudge(world.tools, made.model_copy(update={"targets": {"Ascend310P3": target}}))


def test_a_record_of_other_work_breaks_the_chain(world: World) -> None:
    """A benchmark of another om, named consistently in the manifest: the gate finds the broken chain."""
    made = world.publish(0)
    record = read_record(world.tools.blobs, made.evidence[BENCHMARK])
    assert isinstance(record, BenchmarkRecord)
    foreign = write_record(world.tools.blobs, record.model_copy(update={"made_from": {"om": "0" * 64}}))
    target = made.targets["Ascend310P3"].model_copy(update={"benchmark": foreign})
    forged = made.model_copy(
        update={"targets": {"Ascend310P3": target}, "evidence": made.evidence | {BENCHMARK: foreign}}
    )
    (chain,) = [v for v in judging.rejudge(world.tools, forged) if v.criterion == "chain"]
    assert (chain.admits, "was made from om 000000000000" in chain.why) == ((), True)


def test_records_that_are_missing_damaged_or_others_are_told(world: World) -> None:
    made = world.publish(0)
    without = {name: digest for name, digest in made.evidence.items() if name != "lint"}
    with pytest.raises(NotJudgeable, match="not those of this model: 'lint'"):
        judging.rejudge(world.tools, made.model_copy(update={"evidence": without}))
    swapped = made.evidence | {"lint": made.evidence["onnx"]}
    with pytest.raises(NotJudgeable, match="lint holds a record of stage 'onnx'"):
        judging.rejudge(world.tools, made.model_copy(update={"evidence": swapped}))
    odd = world.tools.blobs.put_bytes(b'{"stage":"lint"}', "lint.json").sha256
    with pytest.raises(NotJudgeable, match="another version of ascend_assets"):
        judging.rejudge(world.tools, made.model_copy(update={"evidence": made.evidence | {"lint": odd}}))
    world.rewrite(f"blobs/sha256/{made.evidence['lint']}", b"{}")
    with pytest.raises(NotJudgeable, match="is damaged"):
        judging.rejudge(world.tools, made)
    world.store.local(f"blobs/sha256/{made.evidence['lint']}").unlink()
    with pytest.raises(NotJudgeable, match="a record is not to be had"):
        judging.rejudge(world.tools, made)


def test_a_definition_that_is_missing_or_not_valid_is_told(world: World) -> None:
    made = world.publish(0)
    odd = world.tools.blobs.put_bytes(b'{"name":"digits","sneaked":1}', "definition.json").sha256
    with pytest.raises(NotJudgeable, match="the definition is not valid here"):
        judging.rejudge(world.tools, made.model_copy(update={"definition": odd}))
    world.store.local(f"blobs/sha256/{made.definition}").unlink()
    with pytest.raises(NotJudgeable, match="the definition is not to be had"):
        judging.rejudge(world.tools, made)


def test_what_it_is_compared_with_must_be_readable(world: World) -> None:
    live = world.publish(0)
    world.promote(0)
    made = world.publish(1)
    world.store.local(f"blobs/sha256/{live.evidence[BENCHMARK]}").unlink()
    with pytest.raises(NotJudgeable, match="what it is compared with cannot be read"):
        judging.rejudge(world.tools, made)
