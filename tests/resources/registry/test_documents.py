"""Documents are read strictly: what is not exactly what we would write is not what we wrote."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar

import pytest
from pydantic import ValidationError

from resources.digests import sha256_bytes
from resources.registry.documents import BadDocument, Document, InvalidName, Name, Utc, check_name, decode


class Note(Document):
    name: Name
    number: int
    share: float
    at: Utc


NOTE = Note(name="a", number=1, share=0.5, at=datetime(2026, 11, 20, 14, tzinfo=UTC))


def test_a_document_is_what_was_written() -> None:
    assert NOTE.encoded() == b'{"at":"2026-11-20T14:00:00Z","name":"a","number":1,"schema_version":2,"share":0.5}'
    assert decode(Note, NOTE.encoded(), "here") == NOTE
    assert NOTE.digest == sha256_bytes(NOTE.encoded())


def test_time_is_kept_in_utc() -> None:
    elsewhere = NOTE.at.astimezone(timezone(timedelta(hours=8)))
    assert NOTE.model_validate(NOTE.model_dump() | {"at": elsewhere}).digest == NOTE.digest
    with pytest.raises(ValidationError, match="timezone"):
        Note(name="a", number=1, share=0.5, at=datetime(2026, 11, 20, 14))  # noqa: DTZ001 - what is refused


def test_not_a_number_survives() -> None:
    note = NOTE.model_copy(update={"share": float("nan")})
    assert b'"share":"NaN"' in note.encoded()
    assert decode(Note, note.encoded(), "here").share != note.share


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "object"),
        (NOTE.encoded()[:-1], "JSON"),
        (NOTE.encoded() + b"\n", "canonical"),
        (NOTE.encoded().replace(b",", b", "), "canonical"),
        (NOTE.encoded().replace(b'"a"', b'"\\u0061"'), "canonical"),
        (NOTE.encoded().replace(b'"number":1', b'"number":2,"number":1'), "canonical"),
        (NOTE.encoded().replace(b'"number":1', b'"number":"1"'), "canonical"),
        (NOTE.encoded().replace(b'"number":1', b'"number":1.0'), "canonical"),
        (NOTE.encoded().replace(b"0.5", b"0.50"), "canonical"),
        (NOTE.encoded().replace(b"Z", b"+00:00"), "canonical"),
        (NOTE.encoded().replace(b'"number":1,', b""), "number: "),
        (NOTE.encoded().replace(b'"number":1', b'"more":2,"number":1'), "more: "),
        (NOTE.encoded().replace(b'"schema_version":2', b'"schema_version":3'), "schema_version: "),
        (NOTE.encoded().replace(b'"schema_version":2', b'"schema_version":0'), "schema_version: "),
        (NOTE.encoded().replace(b',"schema_version":2', b""), "canonical"),
        (NOTE.encoded().replace(b'"a"', b'"../a"'), "name: "),
    ],
)
def test_anything_else_is_refused_with_its_place_and_reason(data: bytes, why: str) -> None:
    with pytest.raises(BadDocument, match=f"^here/1.json: .*{why}"):
        decode(Note, data, "here/1.json")


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "a.b", "a/b", "..", "a\n", "ä", "a" * 64])
def test_a_name_is_one_that_every_store_can_hold(name: str) -> None:
    with pytest.raises(InvalidName):
        check_name(name)
    with pytest.raises(ValidationError):
        Note(name=name, number=1, share=0.5, at=NOTE.at)


def test_names() -> None:
    for name in ("a", "digits_cnn", "a" * 63, "x9"):
        assert check_name(name) == name


class Grown(Note):
    """A document whose second layout has one field more."""

    SINCE: ClassVar[Mapping[str, int]] = {"remark": 2}

    remark: str = ""


def test_a_document_of_an_older_layout_is_read_as_it_was_written() -> None:
    old = b'{"at":"2026-11-20T14:00:00Z","name":"a","number":1,"schema_version":1,"share":0.5}'
    read = decode(Grown, old, "here")
    assert (read.encoded(), read.digest) == (old, sha256_bytes(old))
    assert read.remark == ""


def test_an_older_layout_holds_no_field_that_came_later() -> None:
    with pytest.raises(ValidationError, match="layout 1 does not know this field"):
        Grown(schema_version=1, remark="later", name="a", number=1, share=0.5, at=NOTE.at)
    sneaked = b'{"at":"2026-11-20T14:00:00Z","name":"a","number":1,"remark":"","schema_version":1,"share":0.5}'
    with pytest.raises(BadDocument, match="canonical"):
        decode(Grown, sneaked, "here")


def test_a_newer_layout_holds_all_its_fields() -> None:
    incomplete = b'{"at":"2026-11-20T14:00:00Z","name":"a","number":1,"schema_version":2,"share":0.5}'
    with pytest.raises(BadDocument, match="canonical"):
        decode(Grown, incomplete, "here")
