"""Answers are kept by the digest of their questions, and few of them."""

from pathlib import Path

import pytest

from resources.copilot import cache


def test_what_was_put_is_got(tmp_path: Path) -> None:
    cache.put(tmp_path, "a" * 64, {"causes": ["溢出"]})
    assert cache.get(tmp_path, "a" * 64) == {"causes": ["溢出"]}
    assert cache.get(tmp_path, "b" * 64) is None


def test_an_entry_under_another_name_is_a_miss(tmp_path: Path) -> None:
    cache.put(tmp_path, "a" * 64, {"causes": []})
    (tmp_path / f"{'a' * 64}.json").rename(tmp_path / f"{'b' * 64}.json")
    assert cache.get(tmp_path, "b" * 64) is None


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEPT", 3)
    for letter in "abcde":
        cache.put(tmp_path, letter * 64, {"letter": letter})
    kept = [letter for letter in "abcde" if cache.get(tmp_path, letter * 64)]
    assert kept == ["c", "d", "e"]


def test_an_answer_that_is_too_large_is_not_kept(tmp_path: Path) -> None:
    cache.put(tmp_path, "a" * 64, {"x": "y" * 2_000_000})
    assert cache.get(tmp_path, "a" * 64) is None


def test_a_link_or_a_folder_in_its_place_is_a_miss(tmp_path: Path) -> None:
    (tmp_path / f"{'a' * 64}.json").mkdir()
    assert cache.get(tmp_path, "a" * 64) is None
