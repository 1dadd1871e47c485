"""What is asked of a device to dump, and the files that come of it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.precision import dump
from resources.ascend.cann.precision.dump import DumpFile, ModelDump, folders, is_dump, parse_name

STAMP = "1682067845380164"


def test_the_file_asks_for_one_kind_of_dump(tmp_path: Path) -> None:
    asked = json.loads(ModelDump(models=("resnet", "resnet_sub_1"), folder=tmp_path).acl_json())
    assert asked == {
        "dump": {
            "dump_list": [{"model_name": "resnet"}, {"model_name": "resnet_sub_1"}],
            "dump_path": str(tmp_path),
            "dump_mode": "all",
            "dump_op_switch": "off",
        }
    }


@pytest.mark.parametrize("models", [(), ("",), ("a\nb",), ("x" * 1000,)])
def test_no_dump_without_a_models_name(models: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        ModelDump(models=models, folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (f"Conv2D.conv1.3.{STAMP}", DumpFile("Conv2D", "conv1", 3, int(STAMP))),
        (f"Conv2D.conv1.3.7.{STAMP}", DumpFile("Conv2D", "conv1", 3, int(STAMP))),
        (f"Add.8.5.{STAMP}", DumpFile("Add", "8", 5, int(STAMP))),
        (f"Transpose.4.{STAMP}", DumpFile("Transpose", "", 4, int(STAMP))),
        (f"Add.layer.1.add.12.0.{STAMP}", DumpFile("Add", "layer.1.add", 12, int(STAMP))),
        (f"Conv2D.conv_lxslice0.2.9.{STAMP}.4.487.0.0", DumpFile("Conv2D", "conv_lxslice0", 2, int(STAMP))),
        ("Conv2D.conv1.3", None),
        (f"Conv2D.{STAMP}", None),
        (f".conv1.3.{STAMP}", None),
        (f"Conv2D.conv1.x.{STAMP}", None),
        (f"Conv2D.conv1.3.{STAMP}.npy", None),
        ("result_20260101000000.csv", None),
        ("", None),
    ],
)
def test_a_name_is_read_from_the_right(name: str, found: DumpFile | None) -> None:
    assert parse_name(name) == found


@given(
    st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,40}", fullmatch=True),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 10**4),
    st.integers(10**15, 10**16 - 1),
)
def test_every_name_that_a_device_writes_is_read(op: str, name: str, task: int, stream: int | None, stamp: int) -> None:
    file = ".".join([op, name, str(task), *([] if stream is None else [str(stream)]), str(stamp)])
    assert parse_name(file) == DumpFile(op, name, task, stamp)
    assert is_dump(file)


@given(st.text(max_size=80))
def test_any_name_is_a_dump_or_none(name: str) -> None:
    found = parse_name(name)
    assert found is None or (found.op_type and found.timestamp >= 10**12)


def fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for index in range(count):
        (folder / f"Conv2D.conv{index}.{index}.{STAMP}").touch()


def test_the_last_run_of_each_model_the_largest_first(tmp_path: Path) -> None:
    model = tmp_path / "20260101000000" / "0" / "resnet" / "1"
    for run in (0, 2, 10):
        fill(model / str(run), 3)
    fill(tmp_path / "20260101000000" / "0" / "resnet_sub" / "2" / "0", 5)
    (model / "10" / "mapping.csv").write_text("123,x\n")
    found = folders(tmp_path)
    assert [path.relative_to(tmp_path).parts[2:] for path in found] == [("resnet_sub", "2", "0"), ("resnet", "1", "10")]


def test_a_dump_without_files_says_what_to_look_at(tmp_path: Path) -> None:
    (tmp_path / "20260101000000").mkdir()
    (tmp_path / "20260101000000" / "log.txt").touch()
    with pytest.raises(BadOutput, match="the device dumped nothing: dump_list must name the model"):
        folders(tmp_path)


def test_files_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "MAX_FILES", 4)
    fill(tmp_path / "a", 5)
    with pytest.raises(BadOutput, match="more than 4 dump files"):
        folders(tmp_path)


def test_a_name_too_long_for_a_file_is_a_number() -> None:
    assert is_dump("12345678901234567890")
    assert not is_dump("mapping.csv")
