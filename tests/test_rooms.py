"""Imports go downhill: between the rooms of the house, and between those of CANN's toolchain."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.home import PROJECT

CANN = ("environment", "options", "om", "compiling", "npus", "running", "profiling", "precision")
"""Each may import those before it."""


def modules(folder: str) -> Iterator[Path]:
    return (PROJECT / folder).rglob("*.py")


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, at whatever depth, types too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize(
    ("room", "above"), [("resources", ("ascend_assets", "sensors")), ("ascend_assets", ("sensors",))]
)
def test_no_room_imports_one_above_it(room: str, above: tuple[str, ...]) -> None:
    front_door = PROJECT / "ascend_assets" / "definitions.py"
    for path in modules(room):
        uphill = [name for name in imported(path) if name.split(".")[0] in above and path != front_door]
        assert not uphill, path


@pytest.mark.parametrize(("room", "other"), [("cann", "emulator"), ("emulator", "cann")])
def test_the_two_toolchains_know_nothing_of_each_other(room: str, other: str) -> None:
    for path in modules(f"resources/ascend/{room}"):
        assert not [name for name in imported(path) if name.startswith(f"resources.ascend.{other}")], path


def test_the_rooms_of_cann_import_only_those_before_them() -> None:
    home = PROJECT / "resources" / "ascend" / "cann"
    assert {path.name for path in home.iterdir() if (path / "__init__.py").exists()} == set(CANN)
    for place, room in enumerate(CANN):
        for path in modules(f"resources/ascend/cann/{room}"):
            used = {name.split(".")[3] for name in imported(path) if name.startswith("resources.ascend.cann.")}
            assert not used.intersection(CANN[place + 1 :]), path
            assert "toolchain" not in used, path
