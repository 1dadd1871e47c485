"""`ascend diagnose CANDIDATE` in a real checkout: causes from the evidence that its run left, nothing run again."""

import json
from pathlib import Path

import pytest
from project_fixtures import make_checkout
from repairable import write_masked
from sandbox import Checkout
from tiny import write_tiny


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Where a candidate was refused for its mask."""
    made = make_checkout(tmp_path_factory.mktemp("project") / "checkout")
    write_masked(made.root / "ascend_assets" / "defs" / "tiny")
    assert made.ascend("run", "tiny").returncode == 1
    return made


def test_a_refused_candidate_is_explained(checkout: Checkout) -> None:
    done = checkout.ascend("diagnose", "tiny", "--json")
    assert done.returncode == 1, done.stderr
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found["model"] == "tiny"
    first = found["causes"][0]
    assert (first["target"], first["family"]) == ("Ascend310P3", "fp16_constants")
    assert "mask" in first["explanation"]["en"]
    assert {"attempts", "repaired", "remedies", "options"} <= found.keys()
    again = checkout.ascend("diagnose", found["candidate"], "--lang", "zh")
    assert again.returncode == 1
    assert first["explanation"]["zh"][:10] in again.stdout
    assert "建议" in again.stdout


def test_a_person_repairs_what_was_refused_here(tmp_path: Path) -> None:
    made = make_checkout(tmp_path / "checkout")
    folder = made.root / "ascend_assets" / "defs" / "tiny"
    write_masked(folder)
    assert made.ascend("run", "tiny").returncode == 1
    assert made.ascend("run", "tiny", "--accept").returncode == 2
    done = made.ascend("run", "tiny", "--repair")
    assert done.returncode == 0, done.stderr
    assert "is repaired by clamp_constants" in done.stdout
    assert "+  remedies:" in done.stdout
    assert "-repaired" in done.stdout
    write_tiny(folder, scale=1e6)
    assert made.ascend("run", "tiny").returncode == 1
    refused = made.ascend("run", "tiny", "--repair", "--json")
    assert refused.returncode == 1, refused.stderr
    found = json.loads(refused.stdout)
    assert found["refused"]
    assert "was not repaired" in found["because"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("20261120-1403-git-1a2b3c4d5e6f", "neither a file, nor a candidate that was built here, nor a model"),
        ("nobody", "neither a file"),
    ],
)
def test_what_is_not_known_is_not_usable(checkout: Checkout, name: str, why: str) -> None:
    done = checkout.ascend("diagnose", name)
    assert done.returncode == 2
    assert why in done.stderr


def test_a_healthy_candidate_has_no_causes(tmp_path: Path) -> None:
    made = make_checkout(tmp_path / "checkout")
    assert made.ascend("diagnose", "tiny").returncode == 2
    assert made.ascend("run", "tiny").returncode == 0
    done = made.ascend("diagnose", "tiny", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["causes"] == []
