"""A machine with NPUs for a whole candidate: stand-ins for CANN's programs, found as the real ones are."""

import os
from collections.abc import Iterator

import pytest
from sandbox import Sandbox
from stand_ins.installing import StandIns
from stand_ins.sharing import shared, variables

from ascend_assets.codec import read_record
from ascend_assets.history import latest
from ascend_assets.records import Record
from ascend_assets.walk import stages


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    """A machine of the middle release, whose toolchain is asked for."""
    made = shared("8.1")
    made.mend()
    programs = f"{made.root / 'usr' / 'local' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for name, value in {**variables(made), "ASCEND_TOOLCHAIN": "cann", "PATH": programs}.items():
        monkeypatch.setenv(name, value)
    yield made
    made.mend()


def records(sandbox: Sandbox) -> dict[str, Record]:
    """Stage -> what it holds; nothing for a stage that has made nothing."""
    found: dict[str, Record] = {}
    for stage in stages(sandbox.spec):
        made = latest(sandbox.instance, stage.asset)
        if made is not None:
            found[stage.name] = read_record(sandbox.store.blobs(), made.record)
    return found
