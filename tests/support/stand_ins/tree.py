"""The folder that stand-ins live in: which generation they play, which devices there are, what is to go wrong.

Here belongs what every stand-in needs to know, and the record of how it was called. Not here: making the folder
(`installing.py`), or any program. Imports nothing heavy: a stand-in that answers at once should start at once.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Generation = Literal["7", "8", "9"]

SETTINGS = "stand_ins.json"
FAULTS = "faults.json"
CALLS = "calls.jsonl"
RUNS = "runs.jsonl"


@dataclass(frozen=True)
class Chip:
    """One device as npu-smi shows it. `name`: what the table calls it, `310P3`. `memory`: MB."""

    npu: int
    chip: int
    logic: int
    name: str
    memory: int


@dataclass(frozen=True)
class Tree:
    """One fake installation. `cache`: a folder in which results are kept between calls."""

    home: Path
    generation: Generation
    version: str
    internal: str
    soc: str
    chips: tuple[Chip, ...]
    cache: Path

    def write(self) -> None:
        """Leave the settings for the programs."""
        plain = {**asdict(self), "home": str(self.home), "cache": str(self.cache)}
        (self.home / SETTINGS).write_text(json.dumps(plain), encoding="utf-8")

    def fault(self, tool: str) -> dict[str, Any]:
        """What the test asked this program to do wrong, `{}` for nothing: at least its `name`."""
        try:
            asked = json.loads((self.home / FAULTS).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        found: dict[str, Any] = asked.get(tool, {})
        return found

    def record(self, tool: str, argv: Sequence[str]) -> None:
        """Note a call: its arguments, folder, process and variables."""
        self._append(
            CALLS,
            {"tool": tool, "argv": list(argv), "cwd": str(Path.cwd()), "pid": os.getpid(), "env": dict(os.environ)},
        )

    def record_run(self, om: Path, device: int, runs: int) -> None:
        """Note that a model ran, for the profiler that watches."""
        self._append(RUNS, {"om": str(om.absolute()), "device": device, "runs": runs})

    def lines(self, name: str) -> list[dict[str, Any]]:
        """What was noted, in order."""
        try:
            text = (self.home / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines()]

    def _append(self, name: str, what: dict[str, Any]) -> None:
        with (self.home / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")


def read(home: str | Path) -> Tree:
    """The tree at `home`, as `Tree.write` left it."""
    plain = json.loads((Path(home) / SETTINGS).read_text(encoding="utf-8"))
    chips = tuple(Chip(**chip) for chip in plain.pop("chips"))
    return Tree(**{**plain, "home": Path(plain["home"]), "cache": Path(plain["cache"]), "chips": chips})


def stamp() -> str:
    """The time as CANN's consoles spell it: `2025-03-18-09:02:18.501.341`."""
    now = time.time()
    micros = int(now * 1e6) % 1_000_000
    return f"{time.strftime('%Y-%m-%d-%H:%M:%S', time.localtime(now))}.{micros // 1000:03d}.{micros % 1000:03d}"


def say(text: str) -> None:
    """A line on stdout, at once."""
    os.write(1, f"{text}\n".encode())


def hang() -> None:
    """Hang for an hour with a child that hangs too, as a compiler with worker processes does."""
    if os.fork() == 0:
        time.sleep(3600)
        os._exit(0)
    time.sleep(3600)


def crash() -> None:
    """Die as a program with a wild pointer does, without a core file."""
    import resource
    import signal

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.kill(os.getpid(), signal.SIGSEGV)
