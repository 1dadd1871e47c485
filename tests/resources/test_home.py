"""Which profile is in force, and where things are in it."""

from pathlib import Path

import pytest

from resources.home import BadProfile, prepare, profile, repository


def test_a_machine_whose_kernel_shows_npus_is_cann(tmp_path: Path) -> None:
    assert profile(tmp_path, {}) == "local"
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "davinci0").touch()
    assert profile(tmp_path, {}) == "cann"


@pytest.mark.parametrize("word", ["local", "cann", "k8s"])
def test_a_profile_that_is_named_is_in_force(tmp_path: Path, word: str) -> None:
    assert profile(tmp_path, {"ASCEND_PROFILE": f" {word} "}) == word


@pytest.mark.parametrize("word", ["kubernetes", "K8S", "k8s,cann"])
def test_another_word_is_refused_with_those_that_there_are(tmp_path: Path, word: str) -> None:
    with pytest.raises(BadProfile, match="write one of local, cann, k8s"):
        profile(tmp_path, {"ASCEND_PROFILE": word})


def test_the_repository_is_the_code_that_runs_or_a_clone(tmp_path: Path) -> None:
    assert repository(tmp_path, {}) == tmp_path
    assert repository(tmp_path, {"ASCEND_PROJECT": "/var/lib/project"}) == Path("/var/lib/project")


def test_in_a_cluster_dagsters_settings_are_the_charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PROFILE": "k8s", "STATE": str(tmp_path / "state"), "STORE": "s3://bucket/p"}.items():
        monkeypatch.setenv(f"ASCEND_{name}", value)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with pytest.raises(BadProfile, match=r"dagster\.yaml is missing: in profile k8s the chart mounts it"):
        prepare()
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("storage: {}\n")
    (tmp_path / "dagster").chmod(0o555)
    places = prepare()
    assert (tmp_path / "dagster" / "dagster.yaml").read_text() == "storage: {}\n"
    assert places.locks.is_dir()
    assert not (tmp_path / "state" / "store").exists()
