"""Imports go downhill: between the rooms of the house, and between those of CANN's toolchain."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
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


def test_no_module_needs_itself_by_way_of_others() -> None:
    """Imports within functions, and those of types alone, count as well."""
    files = [path for room in ("resources", "ascend_assets", "sensors", "benchmarks") for path in modules(room)]
    named = {
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): path for path in files
    }
    needs = {name: {_module(each, named) for each in imported(path)} - {name, ""} for name, path in named.items()}
    TopologicalSorter(needs).prepare()  # raises `CycleError`, which names them


def _module(imported_name: str, named: dict[str, Path]) -> str:
    """The module of ours that an import names, itself or by something in it; empty for another's."""
    for name in (imported_name, imported_name.rpartition(".")[0]):
        if name in named:
            return name
    return ""


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
