"""Reading cluster.yaml: what is wrong is told with file, line and field."""

from pathlib import Path

import pytest

from ascend_assets.cluster import cluster_file
from ascend_assets.cluster.cluster_file import BadCluster
from resources.home import PROJECT
from resources.kubernetes.cluster import PARTS

GOOD = """\
name: west
runtime: mounts
npus:
  Ascend310P3:
    resource: huawei.com/Ascend310P
    cards: 8
images:
  cann:
    "8.0.0": registry.example/step:1
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "cluster.yaml"
    file.write_text(text)
    with pytest.raises(BadCluster) as caught:
        cluster_file.read(file)
    return [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]


def test_the_file_that_comes_with_the_project_can_be_in_force() -> None:
    found = cluster_file.read(PROJECT / "cluster.yaml")
    assert set(found.npus) == {"Ascend310P3", "Ascend910B3"}
    assert found.images.cann


def test_each_problem_has_a_line_and_a_field(tmp_path: Path) -> None:
    text = GOOD.replace("Ascend310P\n", "Ascend310P-9c\n").replace("cards: 8", "cards: 0").replace(":1\n", ":latest\n")
    parts = PARTS["huawei.com/Ascend310P"]
    assert problems(tmp_path, text) == [
        f"5: npus.Ascend310P3.resource: '9c' is no part of huawei.com/Ascend310P: {', '.join(parts)}",
        "6: npus.Ascend310P3.cards: Input should be greater than or equal to 1",
        "9: images.cann.8.0.0: says nothing of the version: name a digest (better) or a tag, and not `latest`",
    ]


def test_a_field_that_there_is_not_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, GOOD.replace("    cards: 8", "    cards: 8\n    card: 9"))
    assert said.startswith("7: npus.Ascend310P3.card: unknown field; allowed: resource, cards, node_selector")


def test_a_soc_that_stands_twice_is_refused(tmp_path: Path) -> None:
    entry = "  Ascend310P3:\n    resource: huawei.com/Ascend310P\n    cards: 8\n"
    (said,) = problems(tmp_path, GOOD.replace(entry, entry + entry))
    assert "stands in line 4 already" in said


@pytest.mark.parametrize("text", ["", "- a\n", "name: [\n", "name: &a west\nruntime: *a\n", "\x00"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_CLUSTER", str(tmp_path / "none.yaml"))
    with pytest.raises(BadCluster, match=r"none\.yaml:1: cannot be read: No such file"):
        cluster_file.in_force()
