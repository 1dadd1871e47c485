"""The command line starts at once, and loads of the heavy libraries only what a command needs."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import governed
import onnx
import pytest

from benchmarks.two_layers import two_layers
from resources.home import PROJECT

if TYPE_CHECKING:
    from cli_fixtures import Ascend

HEAVY = ("dagster", "pandas", "sklearn", "scipy", "sqlalchemy", "boto3", "torch")


# Files that load on a device need the compiler, which would load everything here.
LOADS = "from resources.ascend.emulator.toolchain import Emulator; Emulator.open = lambda *_: None\n"


def loaded(folder: Path, *arguments: str, **env: str) -> set[str]:
    code = (
        f"{LOADS if env else ''}import os, sys; from ascend_assets.cli import commands\n"
        f"code = commands.run({list(arguments)!r})\n"
        "print(code, *{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={"ASCEND_STATE": str(folder), "PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(ended.stderr.splitlines()[-1].split())


def test_preflight_does_not_load_what_it_does_not_use(tmp_path: Path) -> None:
    onnx.save(two_layers(), tmp_path / "tiny.onnx")
    names = loaded(tmp_path, "preflight", str(tmp_path / "tiny.onnx"), "--json")
    assert "0" in names
    assert not names.intersection(HEAVY)


@pytest.mark.parametrize("arguments", [("--help",), ("model", "list", "digits_cnn"), ("show", "digits_cnn")])
def test_reading_the_store_loads_neither_dagster_nor_onnx(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    names = loaded(tmp_path, *arguments)
    assert not names.intersection({*HEAVY, "onnx", "onnxruntime", "numpy"})


MOVES = (
    "model list digits",
    "model history digits --env dev",
    "model diff digits 1.0.0 1.1.0",
    "show digits/1.0.0",
    "model rollback digits --env dev --reason slow",
    "promote digits --version 1.1.0 --to dev --reason better",
    "approve digits --version 1.0.0 --env staging --key KEY --reason fine",
    "bundle create speech digits/1.0.0",
    "audit verify --deep",
    "audit checkpoint --key KEY --output OUT",
    "store gc",
)


def test_what_is_wanted_at_night_loads_neither_dagster_nor_onnx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = governed.make_world(tmp_path / "world", monkeypatch)
    for number in (0, 1):
        world.tools.registry.publish(governed.release(world.tools.blobs, number, verdicts=()))
        world.deploy(number)
    policy = {"ASCEND_ENVIRONMENTS": str(world.folder / "environments.yaml")}
    places = {"KEY": str(world.grace.path), "OUT": str(tmp_path / "heads.json")}
    for command in MOVES:
        words = [places.get(word, word) for word in command.split()]
        names = loaded(world.folder, *words, **policy)
        assert "0" in names, command
        assert not names.intersection({*HEAVY, "onnx", "onnxruntime", "numpy"}), command


def test_help_tells_each_command_in_one_line(ascend: "Ascend") -> None:
    text = ascend("--help", COLUMNS="100").out
    commands = text.partition("Commands:")[2]
    assert "preflight" in commands
    assert "..." not in commands
    assert "130 interrupted" in text
