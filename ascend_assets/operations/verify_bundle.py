"""The report that a user sends back: one zip of what was found, with nothing private in it.

Here belong its files, their order and bounds, and what is private on this machine. Not here: what private looks like
(`resources/scrubbing.py`), or the verification (`verify.py`).
"""

import getpass
import io
import json
import os
import platform
import socket
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ascend_assets.operations.verify import Verification
from resources.home import PROJECT, home
from resources.scrubbing import Private, Scrubber
from resources.store.durable import sync_folder, whole_file

if TYPE_CHECKING:
    from resources.ascend.cann.recording import Recorded

MAX_BYTES = 16 * 1024 * 1024
"""Of all texts together; the rest is left out, and the report says so."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_README = """\
A report of `ascend verify`: what is installed, which steps passed, and what CANN's tools printed, for whoever mends
what did not pass. Read it before you send it.

report.json   everything that was found: versions, findings, steps with their seconds and words
logs/         what a step's tools said, by the step's number
tools/        each tool that was run: its command, exit code, seconds and outputs
files/        small result files of these tools (CSV, JSON), by the number of the run

Host, user and mail names, people's folders, network addresses, serial numbers, bus ids, processes of others and values
of the environment are replaced by placeholders such as <host-1>. The same thing has the same placeholder.
"""


def contents(found: Verification, runs: Sequence["Recorded"], private: Private) -> dict[str, str]:
    """The report's files by name, in order, with nothing private. Pure."""
    texts: dict[str, str] = {}
    for number, step in enumerate(found.steps, 1):
        if step.log:
            texts[f"logs/{number:02d}-{step.name}.txt"] = step.log
    for number, run in enumerate(runs, 1):
        name = Path(run.argv[0]).name or "tool"
        texts[f"tools/{number:03d}-{name}.txt"] = _told(run)
        texts |= {f"files/{number:03d}/{file}": text for file, text in run.files}
    kept, left_out = _within(texts)
    report = {**_report(found), "left_out": left_out}
    scrubber = Scrubber(private)
    clean = json.dumps(scrubber.value(report), indent=1, ensure_ascii=False, allow_nan=False)
    return {"README.txt": _README, "report.json": clean, **scrubber.value(kept)}


def _within(texts: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """As many texts as the bound allows, and the names of the others."""
    kept: dict[str, str] = {}
    left_out, size = [], 0
    for name, text in texts.items():
        size += len(text.encode("utf-8", "replace"))
        if size > MAX_BYTES:
            left_out.append(name)
        else:
            kept[name] = text
    return kept, left_out


def _told(run: "Recorded") -> str:
    command = json.dumps(list(run.argv), ensure_ascii=False)
    head = f"command: {command}\nexit code: {run.returncode}\nseconds: {run.seconds:.3f}\n"
    return f"{head}\n--- stdout\n{run.stdout}\n--- stderr\n{run.stderr}\n"


def _report(found: Verification) -> dict[str, Any]:
    steps = [{key: value for key, value in asdict(step).items() if key != "log"} for step in found.steps]
    return {
        "ascend_assets": version("ascend-assets"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "passed": found.passed,
        "toolchain": found.identity.model_dump(mode="json"),
        "chosen": found.chosen,
        "installation": dict(found.installation),
        "devices": list(found.devices),
        "socs": list(found.socs),
        "findings": [asdict(finding) for finding in found.findings],
        "steps": steps,
    }


def private_here(found: Verification, environ: Mapping[str, str] = os.environ) -> Private:
    """What is known to be private on this machine. Versions that were found are kept, whatever they look like."""
    folders = (str(Path.home()), str(Path.cwd()), str(PROJECT), str(home().state), environ.get("HOME", ""))
    versions = (found.installation.get(name, "") for name in ("cann", "internal", "inner", "driver", "firmware"))
    keep = (*versions, *found.socs, environ.get("ASCEND_TOOLCHAIN", ""))
    return Private(
        hosts=tuple(dict.fromkeys((socket.gethostname(), platform.node()))),
        users=tuple(dict.fromkeys(_users(environ))),
        folders=tuple(folder for folder in dict.fromkeys(folders) if folder.count("/") > 1),
        variables=environ,
        keep=frozenset(keep),
    )


def _users(environ: Mapping[str, str]) -> Iterable[str]:
    yield from (environ[name] for name in ("USER", "LOGNAME", "SUDO_USER") if environ.get(name))
    try:
        yield getpass.getuser()
    except (OSError, KeyError):
        return  # a user id without a name, as in many containers


def packed(files: Mapping[str, str]) -> bytes:
    """A zip of texts: the same bytes for the same texts. Names stay inside it, whatever they are made of."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
            entry = zipfile.ZipInfo("/".join(parts), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text.encode("utf-8", "replace"))
    return out.getvalue()


def write(path: Path, files: Mapping[str, str]) -> None:
    """Write the report whole or not at all; one that is there is replaced. Raises `OSError`."""
    partial = path.parent / ".partial"
    try:
        with whole_file(partial, packed(files)) as (whole, _):
            whole.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):  # another writer is at work in it, or it was never made
            partial.rmdir()
