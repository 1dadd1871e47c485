"""A command takes no more of the machine than is free, and Ctrl-C ends it."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ascend_assets.cli.bounds import OutOfMemory, bounded, free_bytes
from resources.home import PROJECT


def test_what_is_done_in_time_is_left_alone() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded(60, "less"):
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_the_limits_are_taken_back_after_an_error() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(KeyError), bounded(60, "less"):
        raise KeyError("of the work itself")
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.parametrize(
    "error",
    [MemoryError(), ValueError("ONNX Runtime: std::bad_alloc"), RuntimeError("Failed to allocate memory for x")],
)
def test_memory_that_is_not_there_has_a_name_and_a_remedy(error: Exception) -> None:
    with pytest.raises(OutOfMemory, match="give less"), bounded(60, "give less"):
        raise error


def test_more_than_is_free_cannot_be_had() -> None:
    with pytest.raises(OutOfMemory), bounded(60, "less"):
        bytearray(2**44)


MEMINFO = "MemTotal: 2000 kB\nMemAvailable:   1000 kB\n"


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 1_024_000),
        ({"memory.max": "600000\n", "memory.current": "200000\n"}, 400_000),
        ({"memory.max": "max\n", "memory.current": "200000\n"}, 1_024_000),
        ({"memory.max": "100\n", "memory.current": "200\n"}, 0),
        ({"memory/memory.limit_in_bytes": "500000\n", "memory/memory.usage_in_bytes": "100000\n"}, 400_000),
    ],
)
def test_a_containers_limit_counts(tmp_path: Path, files: dict[str, str], free: int) -> None:
    for name, text in {"meminfo": MEMINFO, **files}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert free_bytes(tmp_path / "meminfo", tmp_path) == free


def test_a_kernel_that_does_not_say_sets_no_bound(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "meminfo", tmp_path) is None


def child(body: str) -> "subprocess.Popen[str]":
    # A handler that never returns stands for a call into compiled code: Python hears nothing meanwhile.
    code = f"""
import signal, sys, time
from ascend_assets.cli.bounds import bounded
deaf = lambda *_: time.sleep(60)
with bounded(2, "give less"):
    print("begun", flush=True)
    {body}
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_time_that_is_over_ends_the_process_with_one_line() -> None:
    with child("time.sleep(60)") as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err == "ascend: no answer within 2 s: give less, or give more --timeout\n"


def test_ctrl_c_ends_even_what_does_not_listen() -> None:
    with child('signal.signal(signal.SIGINT, deaf); print("deaf", flush=True); time.sleep(60)') as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "deaf\n"
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        _, err = process.communicate(timeout=30)
    assert time.monotonic() - begin < 50
    assert process.returncode == 130
    assert err == "ascend: interrupted\n"
