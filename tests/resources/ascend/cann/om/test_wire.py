"""A protobuf message is walked within its own bytes, in linear time, or refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from om_samples import chunk, number, text, varint

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.om import wire
from resources.ascend.cann.om.wire import BrokenMessage, Budget


def walk(data: bytes, left: int = 1000) -> list[tuple[int, int | bytes]]:
    found = wire.fields(memoryview(data), Budget(left))
    return [(place, value if isinstance(value, int) else bytes(value)) for place, value in found]


def test_fields_come_in_order() -> None:
    fixed = b"\x1d\x01\x00\x00\x00" + b"\x21\x02" + bytes(7)
    assert walk(text(1, "a") + number(2, 300) + fixed) == [(1, b"a"), (2, 300), (3, 1), (4, 2)]


def test_an_empty_message_has_no_fields() -> None:
    assert walk(b"") == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"\x0a\x05ab", "claims 5 bytes where 2 are left", id="a length beyond the end"),
        pytest.param(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "claims 9,223,", id="a huge length"),
        pytest.param(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "inside a number", id="eleven bytes"),
        pytest.param(b"\x08\x80", "inside a number", id="an open number"),
        pytest.param(b"\x1d\x01", "inside a number", id="half a float"),
        pytest.param(b"\x0b\x0c", "starts a group", id="a group"),
        pytest.param(b"\x0e", "starts a group", id="an unknown kind"),
        pytest.param(b"\x02\x00", "starts no field", id="field 0"),
    ],
)
def test_what_is_broken_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(BrokenMessage, match=said):
        walk(data)


def test_too_many_fields_are_refused() -> None:
    with pytest.raises(BrokenMessage, match="too large a structure"):
        walk(number(1, 1) * 11, left=10)
    with pytest.raises(BrokenMessage, match="too large a structure"):
        wire.packed(memoryview(bytes(11)), Budget(10))


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_an_int64_survives(value: int) -> None:
    [(_, found)] = walk(number(1, value))
    assert isinstance(found, int)
    assert wire.signed(found) == value
    assert wire.packed(memoryview(varint(value) * 3), Budget(3)) == [value] * 3


@given(st.binary(max_size=200))
def test_any_bytes_are_walked_or_refused_by_name(data: bytes) -> None:
    try:
        found = walk(data)
    except BadOutput:
        return
    assert sum(len(value) for _, value in found if not isinstance(value, int)) <= len(data)


@given(st.lists(st.tuples(st.integers(1, 2**28), st.binary(max_size=30)), max_size=8))
def test_what_was_written_is_read(message: list[tuple[int, bytes]]) -> None:
    assert walk(b"".join(chunk(place, data) for place, data in message)) == message
