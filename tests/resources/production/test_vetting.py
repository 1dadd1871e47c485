"""Files that kill whoever reads them are found by a child that dies of them: here one that dies where a test says."""

import stat
import sys
from pathlib import Path

import pytest
from production_samples import samples

from resources.production import vetting
from resources.production.reading import InputColumn, Layout
from resources.production.samples import write_samples
from resources.production.vetting import KILLED, UNREAD, deadly

LAYOUT = Layout(answer="class", inputs={"x": InputColumn("float32", 8)})
STAND_IN = """\
#!{python}
import json, os, signal, sys
paths = json.load(sys.stdin)["paths"]
for place, path in enumerate(paths):
    print(place, flush=True)
    if "killer" in path:
        os.kill(os.getpid(), signal.{signal})
print(len(paths), flush=True)
"""


@pytest.fixture
def dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text(STAND_IN.format(python=sys.executable, signal="SIGABRT"))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(vetting, "PYTHON", str(program))


@pytest.mark.usefixtures("dies")
def test_each_file_that_kills_is_named_and_the_others_are_not() -> None:
    paths = [Path(name) for name in ("a", "killer1", "b", "killer2", "killer3", "c")]
    assert deadly(paths, LAYOUT) == {Path(f"killer{n}"): KILLED for n in (1, 2, 3)}
    assert deadly(paths[:1], LAYOUT) == {}
    assert deadly([], LAYOUT) == {}


@pytest.mark.usefixtures("dies")
def test_after_so_many_deaths_the_rest_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vetting, "DEATHS", 2)
    paths = [Path(name) for name in ("killer1", "killer2", "a", "killer3")]
    assert deadly(paths, LAYOUT) == {
        Path("killer1"): KILLED,
        Path("killer2"): KILLED,
        Path("a"): UNREAD,
        Path("killer3"): UNREAD,
    }


def test_the_real_child_reads_good_and_bad_files_alike(tmp_path: Path) -> None:
    good = write_samples(tmp_path, samples(10))
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(good.read_bytes()[:-20])
    assert deadly([good, bad, tmp_path / "gone.parquet"], LAYOUT) == {}


def test_a_child_that_cannot_begin_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vetting, "PYTHON", "/bin/false")
    with pytest.raises(OSError, match="cannot begin"):
        deadly([tmp_path / "a"], LAYOUT)
