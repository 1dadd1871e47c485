"""`ascend diagnose`: why does a model, a compilation or a candidate fail?"""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ascend_assets.cli import file_options
from ascend_assets.cli.bounds import bounded
from ascend_assets.cli.console import Refused, print_json, progress
from ascend_assets.cli.files import read_whole
from ascend_assets.cli.languages import LANGUAGES, Language, preferred

if TYPE_CHECKING:
    from ascend_assets.repair.reporting import Answer
    from resources.ascend.options import CompileOptions

MAX_LOG = 64 * 1024 * 1024
"""Bytes of a log that are read: more than any compilation writes."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_BEYOND = "give a smaller --batch or --input-shape"


@click.command(short_help="Say why a model, a compilation or a candidate fails, and what to do.")
@click.argument("subject", metavar="[MODEL.onnx|CANDIDATE]", required=False)
@click.option("--log", metavar="FILE", type=click.Path(path_type=Path), help="What atc printed; - for standard input.")
@file_options.of_file
@click.option("--model", default="", metavar="MODEL", help="The model that a candidate is of, if several are there.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the answer; else that of LANG.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(1, 86400),
    default=600,
    show_default=True,
    help="Give up after so long.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, no progress.")
def diagnose(  # noqa: PLR0913 - one parameter per option
    *,
    subject: str | None,
    log: Path | None,
    soc: str,
    precision_mode: str | None,
    precision_mode_v2: str | None,
    input_shape: str,
    batch: int | None,
    inputs: Path | None,
    model: str,
    lang: Language | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Why does it fail? MODEL.onnx needs neither an NPU nor a project; a CANDIDATE is one of this project's.

    \b
    ascend diagnose bert.onnx --input-shape "ids:1,128;mask:1,128"
    ascend diagnose yolo.onnx --log atc.log
    ascend diagnose --log atc.log --lang zh
    ascend diagnose 20261120-1403-git-1a2b3c4d5e6f

    Exit code 0: healthy. 1: there are causes. 2: not usable.
    """  # noqa: D301 - the backspace tells click to keep the lines
    language: Language = lang or preferred()
    if subject is None and log is None:
        raise click.UsageError("give MODEL.onnx, a candidate, or --log FILE")
    if subject is not None and _is_candidate(subject):
        from ascend_assets.cli import diagnose_candidate

        diagnose_candidate.diagnose(subject, model, language, as_json)
        return
    options = file_options.parsed(soc, precision_mode, precision_mode_v2, input_shape, known_soc=False)
    from ascend_assets.cli import repair_output
    from ascend_assets.repair import looking, reporting

    with bounded(timeout, _BEYOND):
        text = _log(log) if log else b""
        if subject is None:
            found = looking.read(looking.Log.read(text, None), options)
            answer = reporting.Answer("", "", options, found)
        else:
            answer = _of_file(Path(subject), options, batch, inputs, text, quiet=as_json)
        written = reporting.as_json(answer) if as_json else {}
    if as_json:
        print_json(written)
    else:
        repair_output.print_diagnosis(answer, language)
    if answer.repair.status != "healthy":
        raise Refused(repair_output.summary(answer))


def _is_candidate(subject: str) -> bool:
    """Whether a name stands for a candidate or a model of this project, because no file has it or could have it."""
    if Path(subject).exists() or subject.endswith(".onnx"):
        return False
    return bool(_NAME.fullmatch(subject))


def _log(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read(MAX_LOG)
    return read_whole(path, MAX_LOG)


def _of_file(
    path: Path, options: "CompileOptions", batch: int | None, inputs: Path | None, log: bytes, *, quiet: bool
) -> "Answer":
    from ascend_assets.repair import looking
    from ascend_assets.repair.file_bench import FileBench
    from ascend_assets.repair.reporting import Answer

    tell = silent if quiet else progress
    tell(f"  reading {path} ...")
    bench = FileBench(path, batch=batch, inputs=inputs)
    assumed = bench.check(options)
    tell(f"  compiling for {options.soc_version} and comparing {len(bench.model.graph.node)} layers ...")
    said = looking.Log.read(log, bench.model) if log else None
    found, settled = looking.look(bench.model, options, bench, said)
    return Answer(str(path), bench.sha256, settled, found, assumed)


def silent(_text: str) -> None:
    """A script reads nothing but the object."""
