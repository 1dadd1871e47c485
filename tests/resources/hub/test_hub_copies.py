"""A version's folder is there whole and verified, or not at all, whatever the hub, the disk or a signal does."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hub_server import FakeHub, Fault
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources.home import PROJECT
from resources.hub import client, copies, download
from resources.hub.client import Hub
from resources.hub.errors import (
    BadAnswer,
    HubDown,
    HubError,
    HubRefused,
    MissingFiles,
    NoRoom,
    NotFormal,
    TooLarge,
    WrongDigest,
)

MODEL = "somebody/resnet"
WEIGHTS = bytes(range(256)) * 4096
FILES = {"onnx/model.onnx": WEIGHTS, "config.json": b'{"image_size": 224}', "empty.txt": b""}
QUICK = replace(download.DEFAULT, pause=0.01, silence=5.0, begin=20.0)


@pytest.fixture
def hub(fake: FakeHub) -> Hub:
    fake.publish(MODEL, "v1.3.0", FILES)
    return client.connect(fake.endpoint, seconds=5)


def take(hub: Hub, root: Path, revision: str = "v1.3.0", limits: download.Limits = QUICK) -> copies.Copy:
    return copies.copy(hub, root, MODEL, revision, FILES, limits=limits)


def whole(root: Path) -> list[Path]:
    """Folders of versions that a reader could take for whole."""
    return [path.parent for path in root.rglob("version.json") if ".partial" not in path.parts]


def test_a_version_is_copied_with_its_folders_time_and_digests(hub: Hub, tmp_path: Path) -> None:
    copy = take(hub, tmp_path)
    assert {path: (copy.folder / path).read_bytes() for path in FILES} == FILES
    assert copy.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert set(copy.files) == set(FILES)
    assert not list(tmp_path.rglob(".partial")), "no half file stays"


def test_what_was_copied_is_not_asked_for_again(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    take(hub, tmp_path)
    asked = len(fake.asked)
    assert take(hub, tmp_path).files == copies.copy(hub, tmp_path, MODEL, "v1.3.0", FILES).files
    assert len(fake.asked) == asked


def test_a_tag_that_is_moved_does_not_change_what_was_copied(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    before = take(hub, tmp_path).files
    fake.publish(MODEL, "v1.3.0", {**FILES, "config.json": b'{"image_size": 256}'})
    assert take(hub, tmp_path).files == before


def test_a_large_file_comes_from_where_the_hub_redirects(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    fake.misbehave("file", "to_storage")
    assert take(hub, tmp_path).files
    assert fake.count()["storage"] == len(FILES)


@pytest.mark.parametrize("fault", ["cut", "cut_silently"])
def test_a_download_that_breaks_off_goes_on_where_it_was(fake: FakeHub, hub: Hub, tmp_path: Path, fault: Fault) -> None:
    fake.misbehave("file", fault, times=3)
    one = copies.copy(hub, tmp_path, MODEL, "v1.3.0", ["onnx/model.onnx"], limits=QUICK)
    assert (one.folder / "onnx/model.onnx").read_bytes() == WEIGHTS
    ranges = [asked.headers.get("Range") for asked in fake.asked if asked.place == "file"]
    half, more = len(WEIGHTS) // 2, len(WEIGHTS) * 3 // 4
    assert ranges[:3] == [None, f"bytes={half}-", f"bytes={more}-"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(data=st.binary(min_size=1, max_size=3000), cuts=st.lists(st.integers(0, 3000), max_size=3), ranges=st.booleans())
def test_wherever_it_breaks_off_the_bytes_are_the_same(
    fake: FakeHub,
    hub: Hub,
    tmp_path: Path,
    data: bytes,
    cuts: list[int],
    ranges: bool,  # noqa: FBT001 - given
) -> None:
    fake.behave()
    if not ranges:
        fake.misbehave("file", "ignores_ranges")
    fake.publish(MODEL, "v5", {"a.bin": data})
    fake.cuts[:] = cuts
    root = tmp_path / str(len(fake.asked))
    copy = copies.copy(hub, root, MODEL, "v5", ["a.bin"], limits=replace(QUICK, pause=0.0))
    assert (copy.folder / "a.bin").read_bytes() == data


def test_a_hub_that_stays_broken_leaves_the_half_for_the_next_time(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    fake.misbehave("file", "cut", times=QUICK.tries)
    with pytest.raises(HubDown, match=r"broke off|no whole answer"):
        copies.copy(hub, tmp_path, MODEL, "v1.3.0", ["onnx/model.onnx"], limits=QUICK)
    assert not whole(tmp_path)
    seen = len(fake.asked)
    assert copies.copy(hub, tmp_path, MODEL, "v1.3.0", ["onnx/model.onnx"], limits=QUICK).files
    (last,) = (asked for asked in fake.asked[seen:] if asked.place == "file")
    assert last.headers["Range"].startswith("bytes=98"), "15 of 16 parts were there"


@pytest.mark.parametrize("fault", ["ignores_ranges", "other_range", "status_416"])
def test_a_hub_without_ranges_sends_it_all_again(fake: FakeHub, hub: Hub, tmp_path: Path, fault: Fault) -> None:
    fake.misbehave("file", "cut", times=QUICK.tries)
    with pytest.raises(HubDown):
        copies.copy(hub, tmp_path, MODEL, "v1.3.0", ["onnx/model.onnx"], limits=QUICK)
    fake.misbehave("file", fault, times=1)
    one = copies.copy(hub, tmp_path, MODEL, "v1.3.0", ["onnx/model.onnx"], limits=QUICK)
    assert (one.folder / "onnx/model.onnx").read_bytes() == WEIGHTS


@pytest.mark.parametrize("fault", ["altered", "longer"])
def test_other_bytes_than_the_hub_lists_are_not_kept(fake: FakeHub, hub: Hub, tmp_path: Path, fault: Fault) -> None:
    fake.misbehave("file", fault)
    with pytest.raises(WrongDigest, match=r"model\.onnx"):
        copies.copy(hub, tmp_path, MODEL, "v1.3.0", ["onnx/model.onnx"], limits=QUICK)
    assert not whole(tmp_path)
    assert not any(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    fake.behave()
    assert copies.copy(hub, tmp_path, MODEL, "v1.3.0", ["onnx/model.onnx"], limits=QUICK).files


@pytest.mark.parametrize(
    ("fault", "error"),
    [("status_500", HubDown), ("endless_redirect", HubError), ("status_404", HubRefused), ("to_file_scheme", HubError)],
)
def test_no_folder_appears_where_a_file_does_not_come(
    fake: FakeHub, hub: Hub, tmp_path: Path, fault: Fault, error: type[HubError]
) -> None:
    fake.misbehave("file", fault)
    with pytest.raises(error):
        take(hub, tmp_path)
    assert not whole(tmp_path)


def test_a_file_that_trickles_ends_at_its_deadline(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    fake.misbehave("file", "slow")
    begin = time.monotonic()
    with pytest.raises(HubDown):
        take(hub, tmp_path, limits=replace(QUICK, begin=0.4, rate=1e9))
    assert time.monotonic() - begin < 10


def test_a_file_or_all_of_them_may_be_too_large(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match=r"onnx/model\.onnx.*max_file_gb"):
        take(hub, tmp_path, limits=replace(QUICK, file=1000))
    with pytest.raises(TooLarge, match=r"together"):
        take(hub, tmp_path, limits=replace(QUICK, total=len(WEIGHTS)))
    assert not fake.count()["file"], "refused before the first byte"


def test_a_disk_without_room_is_said_before_the_first_byte(
    fake: FakeHub, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(NoRoom, match=r"are free"):
        take(hub, tmp_path)
    assert not fake.count()["file"]


def test_a_missing_file_is_refused_with_what_looks_like_it(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    fake.publish(MODEL, "v2", {"fp16/model.onnx": b"x", "configuration.json": b"{}", "README.md": b"x"})
    with pytest.raises(MissingFiles) as raised:
        take(hub, tmp_path, "v2")
    said = str(raised.value)
    assert "onnx/model.onnx (it has 'fp16/model.onnx')" in said
    assert "configuration.json" in said
    assert "README" not in said


@pytest.mark.parametrize("revision", ["master", "v1.3.0-rc1", "..", "v9.9.9"])
def test_only_a_formal_version_that_the_hub_has_is_taken(hub: Hub, tmp_path: Path, revision: str) -> None:
    with pytest.raises(NotFormal, match=r"no formal version|newest are: v1\.3\.0"):
        take(hub, tmp_path, revision)
    assert not whole(tmp_path)


def test_a_private_model_is_not_taken(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    fake.visibility[MODEL] = 1
    with pytest.raises(NotFormal, match=r"not public"):
        take(hub, tmp_path)


def test_a_version_takes_its_time_from_its_files_where_the_tag_has_none(
    fake: FakeHub, hub: Hub, tmp_path: Path
) -> None:
    fake.publish(MODEL, "v2", FILES, CreatedAt=0)
    assert take(hub, tmp_path, "v2").at.year == 2023
    fake.publish(MODEL, "v3", FILES, at=None)
    with pytest.raises(BadAnswer, match=r"when it was made"):
        take(hub, tmp_path, "v3")


def test_a_damaged_copy_is_not_handed_out_and_is_mended(hub: Hub, tmp_path: Path) -> None:
    copy = take(hub, tmp_path)
    path = copy.folder / "config.json"
    path.unlink()
    path.write_bytes(b'{"image_size": 999}')
    assert copies.held(tmp_path, MODEL, "v1.3.0", FILES) is None
    assert (take(hub, tmp_path).folder / "config.json").read_bytes() == FILES["config.json"]


def test_a_file_more_does_not_fetch_the_others_again(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    copies.copy(hub, tmp_path, MODEL, "v1.3.0", ["onnx/model.onnx"], limits=QUICK)
    take(hub, tmp_path)
    fetched = [asked.query["FilePath"] for asked in fake.asked if asked.place == "file"]
    assert fetched.count("onnx/model.onnx") == 1


def test_it_is_known_which_versions_are_here(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    assert copies.here(tmp_path, MODEL, FILES) == ()
    for revision in ("v1.10.0", "v1.9.0"):
        fake.publish(MODEL, revision, FILES)
        take(hub, tmp_path, revision)
    assert copies.here(tmp_path, MODEL, FILES) == ("v1.9.0", "v1.10.0")
    assert copies.here(tmp_path, MODEL, ["config.json"]) == (), "of other files there is no copy"


def test_several_at_once_copy_it_once(fake: FakeHub, tmp_path: Path) -> None:
    fake.publish(MODEL, "v1.3.0", FILES)
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(take, client.connect(fake.endpoint, seconds=20), tmp_path) for _ in range(4)]
        assert len({one.result().folder for one in made}) == 1
    assert fake.count()["file"] == len(FILES)


KILLED = """
import sys
from pathlib import Path
from resources.hub import client, copies
copies.copy(client.connect(sys.argv[1]), Path(sys.argv[2]), "somebody/resnet", "v1.3.0", ["onnx/model.onnx"])
"""


def test_a_process_that_is_killed_leaves_no_version_and_a_half_that_the_next_one_takes(
    fake: FakeHub, hub: Hub, tmp_path: Path
) -> None:
    fake.publish(MODEL, "v1.3.0", FILES)
    fake.misbehave("file", "slow")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    child = subprocess.Popen([sys.executable, "-c", KILLED, fake.endpoint, str(tmp_path)], env=environment)
    try:
        _wait_for(lambda: any(path.stat().st_size for path in tmp_path.rglob(".partial/*")))
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert not whole(tmp_path)
    fake.behave()
    half = max(path.stat().st_size for path in tmp_path.rglob(".partial/*"))
    assert half
    with pytest.raises(WrongDigest):
        copies.copy(hub, tmp_path, MODEL, "v1.3.0", ["onnx/model.onnx"], limits=QUICK)
    assert copies.copy(hub, tmp_path, MODEL, "v1.3.0", ["onnx/model.onnx"], limits=QUICK).files


def _wait_for(found: object) -> None:
    assert callable(found)
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)
