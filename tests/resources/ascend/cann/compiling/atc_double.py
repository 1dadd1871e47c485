"""An `atc` that does what its test says: prints, leaves files, ends as told. It judges nothing."""

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import fake_install

from resources.ascend.cann.environment.installation import find
from resources.ascend.cann.site import Site

START = "ATC start working now, please wait for a moment.\n"
SUCCESS = "ATC run success, welcome to the next use.\n"
FAILED = "ATC run failed, Please check the detail log, Try 'atc --help' for more information\n"
SUPPORT = Path(fake_install.__file__).parent

PROGRAM = """\
#!{python} -S
import json, os, pathlib, signal, sys, time
sys.path.insert(0, {support!r})
argv = dict(word[2:].split("=", 1) for word in sys.argv[1:])
folder = pathlib.Path({folder!r})
plan = json.loads((folder / "plan.json").read_text())
here = sorted(str(path.relative_to(".")) for path in pathlib.Path().rglob("*"))
call = {{"argv": sys.argv[1:], "files": here, "cwd": os.getcwd(), "pid": os.getpid(), "env": dict(os.environ)}}
(folder / "call.json").write_text(json.dumps(call))
for name, text in plan["files"].items():
    path = pathlib.Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
for name, soc in plan["oms"].items():
    import om_samples
    path = pathlib.Path(argv["output"] + name)
    line = plan["command_line"] or " ".join(["/opt/atc.bin", *sys.argv[1:]])
    om_samples.write_om(path, name="model", soc_version=soc or argv["soc_version"], command_line=line)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - plan["cut"]])
for _ in range(plan["times"]):
    sys.stdout.buffer.write(plan["stdout"].encode(plan["encoding"]))
    sys.stdout.flush()
sys.stderr.write(plan["stderr"])
sys.stderr.flush()
time.sleep(plan["sleep"])
if plan["kill"]:
    os.kill(os.getpid(), plan["kill"])
sys.exit(plan["code"])
"""


@dataclass(frozen=True)
class Plan:
    """What `atc` is to do. `oms`: what follows `--output` -> SoC, empty for the one that was asked for."""

    stdout: str = START + SUCCESS
    stderr: str = ""
    code: int = 0
    oms: dict[str, str] = field(default_factory=lambda: {".om": ""})
    files: dict[str, str] = field(default_factory=dict)
    command_line: str = ""
    cut: int = 0
    kill: int = 0
    sleep: float = 0.0
    times: int = 1
    encoding: str = "utf-8"


def failing(said: str, code: int = 255, **rest: Any) -> Plan:
    """An `atc` that refuses: its failure line, what it says, no `.om`."""
    return Plan(stdout=START + FAILED + said, code=code, oms={}, **rest)


@dataclass(frozen=True)
class Double:
    """A machine with that `atc`. `said` is what it told about progress."""

    folder: Path
    site: Site
    said: list[str]

    def plan(self, plan: Plan) -> None:
        (self.folder / "plan.json").write_text(json.dumps(asdict(plan)), encoding="utf-8")

    @property
    def called(self) -> bool:
        return (self.folder / "call.json").is_file()

    @property
    def call(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "call.json").read_text(encoding="utf-8"))
        return found


def install(folder: Path, *, arch: str = fake_install.ARCH, version: str = "8.1.RC1") -> Double:
    folder.mkdir(parents=True, exist_ok=True)
    program = PROGRAM.format(python=sys.executable, support=str(SUPPORT), folder=str(folder))
    fake_install.build(folder / "root", programs={"atc": program}, arch=arch, version=version)
    said: list[str] = []
    found = find({}, folder / "root", arch)
    double = Double(folder, Site(found, said.append, folder / "root"), said)
    double.plan(Plan())
    return double
