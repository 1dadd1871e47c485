"""One value, one sequence of bytes, one digest."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.digests import NotCanonical, canonical_json, is_sha256, sha256_bytes, sha256_file

texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_json_reads_what_was_written(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@given(json_values)
def test_reading_and_writing_again_changes_no_byte(value: Any) -> None:
    data = canonical_json(value)
    assert canonical_json(json.loads(data)) == data


@given(st.dictionaries(texts, st.integers(), max_size=8), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, int], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    assert canonical_json({key: value[key] for key in keys}) == canonical_json(value)


def test_the_spelling() -> None:
    value = {"ü": [1, 1.0, 0.1, True, None], "a": {}, "B": (), "\n": "<\u2028>"}
    assert canonical_json(value) == '{"\\n":"<\u2028>","B":[],"a":{},"ü":[1,1.0,0.1,true,null]}'.encode()


def test_what_json_cannot_say_becomes_text() -> None:
    assert canonical_json([math.nan, math.inf, -math.inf]) == b'["NaN","Infinity","-Infinity"]'


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [{1: 2}, {None: 1}, b"bytes", {1, 2}, object(), Path(), "\ud800", {"\udfff": 1}, nested(1000), complex(1, 1)],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical_json({"inside": [value]})


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotCanonical, match="deeper"):
        canonical_json(value)


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 2_500_000])
def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\x01" * size)
    assert sha256_file(path) == sha256_bytes(path.read_bytes()) == hashlib.sha256(b"\x01" * size).hexdigest()


def test_a_digest_is_64_lower_case_hex_digits() -> None:
    assert is_sha256("0123456789abcdef" * 4)
    for wrong in ("", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n", "\u0660" * 64):
        assert not is_sha256(wrong)
