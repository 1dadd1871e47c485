"""Which ONNX nodes a device's operators were made of: as the `.om` tells, or nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from om_samples import OmSample, om_bytes

from resources.ascend.cann.om import om_file, om_origins
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.om.om_origins import MAX_NAME, MAX_ORIGINS, origins

FUSED = (("PartitionedCall_conv_0", ("/conv", "/relu")), ("trans_Cast_1", ()), ("fc", ("fc",)))
SAMPLE = OmSample(operators=FUSED)


def opened(folder: Path, data: bytes) -> OmFile:
    path = folder / "m.om"
    path.write_bytes(data)
    return om_file.read(path)


@pytest.mark.parametrize("old", [False, True])
def test_operators_name_the_nodes_they_were_made_of(tmp_path: Path, old: bool) -> None:  # noqa: FBT001
    data = om_bytes(OmSample(operators=FUSED, old=old))
    assert origins(opened(tmp_path, data)) == {"PartitionedCall_conv_0": ("/conv", "/relu"), "fc": ("fc",)}


def test_names_are_bounded_and_each_is_there_once(tmp_path: Path) -> None:
    many = tuple(f"/node{number}" for number in range(100))
    held = opened(tmp_path, om_bytes(OmSample(operators=(("a", ("x" * 9999, "", "x" * 9999)), ("b", many)))))
    assert origins(held) == {"a": ("x" * MAX_NAME,), "b": many[:MAX_ORIGINS]}


def test_a_file_without_a_graph_tells_nothing(tmp_path: Path) -> None:
    assert origins(opened(tmp_path, om_bytes(OmSample(graph=False)))) == {}


def test_more_operators_than_there_can_be_tell_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = opened(tmp_path, om_bytes(SAMPLE))
    monkeypatch.setattr(om_origins, "MAX_OPERATORS", 2)
    assert origins(held) == {}


def test_a_file_that_is_gone_tells_nothing(tmp_path: Path) -> None:
    held = opened(tmp_path, om_bytes(SAMPLE))
    held.path.unlink()
    assert origins(held) == {}


@given(st.data())
def test_a_damaged_graph_tells_something_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    held = opened(tmp_path_factory.getbasetemp(), om_bytes(SAMPLE))
    part = next(each for each in held.partitions if each.kind == 0)
    spoilt = bytearray(held.path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        spoilt[part.offset + data.draw(st.integers(0, part.size - 1))] = data.draw(st.integers(0, 255))
    held.path.write_bytes(spoilt)
    found = origins(held)
    assert all(name and made_of for name, made_of in found.items())
