"""`ascend diagnose --log` on every log of the corpus: is the most confident cause the right one?

Here belongs asking and counting. Not here: the texts (`logs.py`).
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.repair import expected
from benchmarks.repair.logs import LOGS, Log
from benchmarks.repair.outcomes import Named
from benchmarks.repair.running import LEAST, command


@dataclass(frozen=True)
class Read:
    """What one log was taken for. `code`: 1 where causes were found."""

    name: str
    half: str
    family: str
    code: int
    causes: tuple[Named, ...]
    top: bool
    any: bool


def read(log: Log, *, process: bool) -> Read:
    """Diagnose one log without a model."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "atc.log"
        path.write_text(log.text, encoding="utf-8")
        ran = command(["diagnose", "--log", str(path), "--json"], process=process)
    found = ran.answer.get("causes", ())
    causes = tuple(Named(cause["rule"], cause["family"], float(cause["confidence"])) for cause in found)
    said = [expected.FAMILIES[log.family]]
    top, named = expected.first(causes, said), expected.any_of(causes, said, LEAST)
    return Read(log.name, log.half, log.family, ran.code, causes, top, named)


def read_all(*, process: bool) -> tuple[Read, ...]:
    """All logs, in order."""
    return tuple(read(log, process=process) for log in LOGS)
