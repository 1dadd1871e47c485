"""msaccucmp, CANN's own comparison of dumps: which one is here, how it is called, how it ends.

Here belong its two homes, its arguments and its exit codes. The toolkit has `tools/operator_cmp/compare/msaccucmp.py`,
a script for python3; the package mindstudio-probe has the same behind `msprobe compare -m offline_data` and `msprobe
parse`. An operator that could not be compared makes the exit code too, so that a table is good with an exit code: its
own rows say what they are worth. Not here: the table's grammar (`result_table.py`).
"""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resources.ascend.cann.environment import child_environment
from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.errors import BadOutput, ToolFailed
from resources.ascend.cann.precision import result_table
from resources.ascend.cann.precision.result_table import Row
from resources.ascend.cann.site import Site
from resources.ascend.cann.text import clean
from resources.process import Completed, ProcessError, ProcessTimeout

SECONDS = 3600.0
"""How long one tool may take."""

_SCRIPTS = ("msaccucmp.py", "msaccucmp.pyc")
_HOMES = ("tools/operator_cmp/compare", "toolkit/tools/operator_cmp/compare")
_SAID_LINES = 12

ERRORS: dict[int, str] = {
    1: "an error that it does not name",
    2: "no dump of some operators",
    3: "a path that it does not take",
    4: "a dump file that it cannot read",
    5: "no memory",
    6: "arguments that it does not take",
    7: "a file that cannot be opened",
    8: "a file that cannot be closed",
    9: "a folder that cannot be opened",
    10: "a folder that cannot be closed",
    11: "a dump with wrong data",
    12: "an output that an operator does not have",
    13: "a JSON file that it cannot read",
    14: "memory that it cannot set",
    15: "a dump of zeros on the device's side",
    16: "a dump of zeros on the reference's side",
    17: "several files for one operator",
    18: "no file with a dump's name",
    19: "a file that cannot be written",
    20: "two kinds of dump that it does not compare",
    21: "a data type that it does not know",
    22: "a format that it does not know",
    23: "a shape that does not fit",
    24: "a kind of file that it does not know",
    25: "a target that it does not know",
    26: "a conversion that does not work",
    27: "a shape that it cannot convert",
    28: "a reference of another environment",
    29: "a JSON file without what it needs",
    30: "a comparison that it does not offer",
    31: "a metric that it does not know",
    32: "a file that cannot be deleted",
    33: "a wrong file",
    34: "a dump in FRACTAL_NZ that is damaged",
    35: "an overflow of unknown type",
    36: "an overflow of unknown status",
    37: "a task of unknown type",
    38: "a missing file",
    39: "a dump of another size than its header says",
    40: "data that do not fit their shape",
    41: "a slice that is damaged",
    42: "an input whose operator is unknown",
    43: "a file that is too large",
    44: "a link where it wants a file",
    45: "a file that exists already",
    46: "a file that others may change",
    47: "a dump of a nano device that it cannot read",
    48: "a name that it does not take",
}
"""Exit codes: CompareError in msaccucmp's sources, CANN 5 to 9."""

_WHOLE_RUN = frozenset({1, 5, 14})
"""Codes after which a table may lack rows without a word."""


@dataclass(frozen=True)
class Tool:
    """One msaccucmp. `command`: what its arguments follow."""

    kind: Literal["msaccucmp", "msprobe"]
    command: tuple[str, ...]

    def compare_argv(self, dump: Path, golden: Path, om_json: Path, output: Path) -> list[str]:
        """Compare the dump files in `dump` with the reference in `golden`; the table comes into `output`."""
        if self.kind == "msprobe":
            flags = {"-tp": dump, "-gp": golden, "-fr": om_json, "-o": output}
            return [*self.command, "compare", "-m", "offline_data", *_pairs(flags)]
        return [*self.command, "compare", *_pairs({"-m": dump, "-g": golden, "-f": om_json, "-out": output})]

    def convert_argv(self, dump: Path, output: Path) -> list[str]:
        """Turn the dump files in `dump` into NumPy files in `output`."""
        if self.kind == "msprobe":
            return [*self.command, "parse", *_pairs({"-d": dump, "-t": "npy", "-o": output})]
        return [*self.command, "convert", *_pairs({"-d": dump, "-out": output, "-t": "npy"})]


def _pairs(flags: Mapping[str, Path | str]) -> Iterable[str]:
    return (str(part) for pair in flags.items() for part in pair)


def find(found: Installation, which: Callable[[str], str | None] = shutil.which) -> Tool:
    """The installation's own, else mindstudio-probe's. Raises `ToolFailed` that says how to get one."""
    roots = (found.home, found.home / f"{found.arch}-linux")
    for path in (root / home / script for root in roots for home in _HOMES for script in _SCRIPTS):
        if path.is_file():
            return Tool("msaccucmp", (which("python3") or "python3", str(path)))
    msprobe = which("msprobe")
    if msprobe:
        return Tool("msprobe", (msprobe,))
    raise ToolFailed(
        f"neither {found.home}/{_HOMES[0]}/{_SCRIPTS[0]} nor msprobe is here, so that dumps cannot be compared: "
        "install the CANN toolkit, or `pip install mindstudio-probe`"
    )


def of(site: Site) -> Tool:
    """The tool that this site's children would run: programs are looked for on the PATH that they get."""
    variables = child_environment.variables(site.installation, work=Path.cwd())
    path = variables.get("PATH", os.environ.get("PATH", os.defpath))
    return find(site.installation, lambda name: shutil.which(name, path=path))


def compare(site: Site, tool: Tool, dump: Path, golden: Path, om_json: Path, work: Path) -> tuple[Row, ...]:
    """Compare one folder of dump files with the reference.

    `work`: an empty folder, for the table and whatever else the tool leaves there. Raises `ToolFailed` when it ends
    without a table that says anything, and `BadOutput` for a table that cannot be read.
    """
    ended = ran(site, tool.compare_argv(dump, golden, om_json, work), work)
    tables = sorted(path for path in work.glob("**/*result_*.csv") if path.is_file())
    rows = tuple(row for path in tables for row in _rows(path))
    if ended.returncode and (ended.returncode not in ERRORS or ended.returncode in _WHOLE_RUN or not rows):
        raise _failed(tool, ended)
    if not tables:
        raise ToolFailed(f"{tool.command[-1]} compare succeeded and wrote no result_*.csv", _log(ended))
    if not any(row.compared for row in rows):
        why = next((row.reason for row in rows if row.reason), "its table has no figure")
        raise ToolFailed(
            f"{tool.command[-1]} compare compared nothing: {why}; is the .om compiled from this ONNX file?", _log(ended)
        )
    if ended.returncode:
        site.say(f"msaccucmp: {ERRORS[ended.returncode]}; what it compared stands")
    return rows


def _rows(path: Path) -> tuple[Row, ...]:
    if path.stat().st_size > result_table.MAX_BYTES:
        raise BadOutput(f"{path.name}: has more than {result_table.MAX_BYTES:,} bytes: compare fewer operators")
    return result_table.parse(path.read_bytes(), path.name)


def convert(site: Site, tool: Tool, dump: Path, output: Path) -> str:
    """Turn dump files into NumPy files. What went wrong, in words; empty if nothing did.

    Files that could be converted are there in any case. Raises `ToolFailed` when it cannot be run to its end.
    """
    ended = ran(site, tool.convert_argv(dump, output), output)
    return str(_failed(tool, ended)) if ended.returncode else ""


def ran(site: Site, argv: Sequence[str | Path], work: Path, *, for_atc: bool = False) -> Completed:
    """Run a tool to its end within `SECONDS`. Raises `ToolFailed` when it cannot be started or takes longer."""
    try:
        return site.run(argv, cwd=work, timeout=SECONDS, for_atc=for_atc)
    except ProcessTimeout as error:
        raise ToolFailed(
            f"{argv[0]} {Path(argv[1]).name} took longer than {SECONDS:g} s and was stopped: give it a "
            "machine with less to do, or compare a smaller batch",
            _log(error.completed),
        ) from error
    except ProcessError as error:
        raise ToolFailed(f"{error}: see `ascend doctor`", _log(error.completed)) from error


def _failed(tool: Tool, ended: Completed) -> ToolFailed:
    code = ended.returncode
    what = f"exit code {code}, {ERRORS[code]}" if code in ERRORS else f"exit code {code}"
    said = [line for line in clean(_log(ended)) if line.strip()][-_SAID_LINES:]
    verb = ended.argv[len(tool.command)]
    return ToolFailed(f"{tool.command[-1]} {verb} failed ({what}); it said:\n" + "\n".join(said), _log(ended))


def _log(ended: Completed) -> str:
    return f"{ended.stdout}\n{ended.stderr}"
