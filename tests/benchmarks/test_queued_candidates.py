"""The benchmark of the queue measures real candidates of a real commit, from it to their releases."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import queued_candidates
from benchmarks.queued_candidates import Candidate

FOUND = {
    1: (Candidate("m_0000", 10.0, 4.0, 6.0),),
    2: (Candidate("m_0001", 10.0, 4.0, 6.0), Candidate("m_0000", 10.0, 10.0, 10.0)),
}


@pytest.mark.timeout(900)
def test_a_commit_becomes_a_release_of_every_model(tmp_path: Path) -> None:
    found = queued_candidates.measure(2, tmp_path)
    assert {one.model for one in found} == {"m_0000", "m_0001"}
    assert found[0].released <= found[1].released
    for one in found:
        assert min(one.seen, one.queue, one.built) > 0


def test_a_daemon_that_has_ended_is_told_with_its_log(tmp_path: Path) -> None:
    site = queued_candidates.Site(tmp_path, tmp_path, ())
    site.home.mkdir(parents=True)
    (site.home / "daemon.log").write_text("no such module")
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait(60)
    with pytest.raises(RuntimeError, match=r"(?s)no release within 5 s.*no such module"):
        queued_candidates._until(lambda: False, 5, process, site, "release")


def test_the_ratio_is_of_releases_a_minute() -> None:
    assert queued_candidates.a_minute(FOUND[2]) == pytest.approx(4.0)
    assert queued_candidates.ratios(FOUND) == pytest.approx({1: 1.0, 2: 4 / 3})
    assert queued_candidates.ratios({2: FOUND[2]}) == {}


def test_first_median_and_last_stand_in_the_table() -> None:
    lines = queued_candidates.table(FOUND).splitlines()
    assert [line.split()[:3] for line in lines[4:7]] == [
        ["2", "first", "20.0"],
        ["2", "median", "20.0"],
        ["2", "last", "30.0"],
    ]
    assert lines[6].split()[-2:] == ["4.00", "1.33"]
