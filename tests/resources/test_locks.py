"""One candidate of a model at a time; the holder is named, and a dead holder holds nothing."""

import os
import signal
from pathlib import Path

import pytest
from races import in_child, race

from resources.locks import ModelBusy, locked, model_lock
from resources.registry.documents import InvalidName


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    with (
        model_lock(tmp_path, "digits", "20261120-1403-ct-0007"),
        pytest.raises(ModelBusy, match=r"'digits' is busy: process .*wait until it has finished") as refusal,
        model_lock(tmp_path, "digits"),
    ):
        pass
    assert refusal.value.holder is not None
    assert refusal.value.holder.pid == os.getpid()
    assert refusal.value.holder.candidate == "20261120-1403-ct-0007"
    assert "20261120-1403-ct-0007" in str(refusal.value)


def test_other_processes_are_excluded_too(tmp_path: Path) -> None:
    def take() -> str:
        with model_lock(tmp_path, "digits"):
            return "taken"

    with model_lock(tmp_path, "digits", "mine"):
        said = in_child(take)
    assert said.startswith(f"ModelBusy: model 'digits' is busy: process {os.getpid()} on ")
    assert in_child(take) == "taken"


def test_other_models_go_on(tmp_path: Path) -> None:
    with model_lock(tmp_path, "digits"), model_lock(tmp_path, "letters"):
        pass


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), model_lock(tmp_path, "digits"):
        raise ZeroDivisionError
    with model_lock(tmp_path, "digits"):
        pass


def test_a_blocked_operation_inside_is_not_taken_for_a_busy_model(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), model_lock(tmp_path, "digits"):
        raise BlockingIOError


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with model_lock(tmp_path, "digits", "killed"):
            os.write(write, b"1")
            signal.pause()
    os.read(read, 1)
    with pytest.raises(ModelBusy, match="candidate killed"), model_lock(tmp_path, "digits"):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with model_lock(tmp_path, "digits"):
        pass


def test_of_many_at_once_one_has_it(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")

    def work(_: int) -> str:
        try:
            with model_lock(tmp_path, "digits"):
                number = int(count.read_text())
                count.write_text(str(number + 1))
        except ModelBusy:
            return "busy"
        return "had it"

    results = race(work)
    assert set(results) <= {"busy", "had it"}
    assert int(count.read_text()) == results.count("had it") >= 1


def test_who_has_just_taken_it_need_not_have_signed_yet(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "digits.lock"),
        pytest.raises(ModelBusy, match="another process has just taken it"),
        model_lock(tmp_path, "digits"),
    ):
        pass


def test_shared_holders_exclude_only_the_exclusive_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        locked(path, shared=True),
        locked(path, shared=True, wait=False),
        pytest.raises(BlockingIOError),
        locked(path, wait=False),
    ):
        pass


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "a\0"])
def test_only_a_models_name_names_a_lock(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidName), model_lock(tmp_path / "locks", name):
        pass
    assert not (tmp_path / "locks").exists()
