"""triggers.yaml: what it may say, and how a mistake is told."""

from pathlib import Path

import pytest

from ascend_assets import triggers_file
from ascend_assets.triggers import Triggers
from ascend_assets.triggers_file import BadTriggers
from resources.home import PROJECT


def read(tmp_path: Path, text: str) -> Triggers:
    path = tmp_path / "triggers.yaml"
    path.write_text(text)
    return triggers_file.read(path)


def test_the_shipped_file_follows_the_clones_own_remote() -> None:
    (repository,) = triggers_file.read(PROJECT / "triggers.yaml").repositories
    assert (repository.name, repository.url, repository.branches) == ("origin", "", ("main",))


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_asks_for_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == Triggers()


def test_without_a_file_nothing_is_asked_for(tmp_path: Path) -> None:
    assert triggers_file.read(tmp_path / "none.yaml") == Triggers()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("repositorys: []", "repositorys"),
        ("repositories:\n  - {name: origin, branch: main}", "branch"),
        ("repositories:\n  - {name: Origin}", "name"),
        ("repositories:\n  - {name: a}\n  - {name: a}", "'a' stands twice"),
        ("repositories:\n  - {every_seconds: 1}", "every_seconds"),
        ("prometheus: {url: 'file:///etc/passwd'}", "url"),
        ("prometheus: {url: 'http://user:secret@host'}", "url"),
        ("notices:\n  channels:\n  - {name: a, url_env: 'wecombot://secret'}", "url_env"),
        ("notices:\n  channels:\n  - {name: a, url_env: A}\n  - {name: a, url_env: B}", "'a' stands twice"),
        ("notices:\n  channels:\n  - {name: a, url_env: ''}", "url_env"),
        ("notices:\n  channels:\n  - {name: a, url_env: A, about: [drifts]}", "no kind of notice is called 'drifts'"),
        ("- a", "triggers"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadTriggers, match=said) as error:
        read(tmp_path, text)
    assert "triggers.yaml" in str(error.value)


def test_a_secret_in_the_file_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(BadTriggers) as error:
        read(tmp_path, "prometheus: {url: 'http://user:hunter2@host'}")
    assert "hunter2" not in str(error.value)
