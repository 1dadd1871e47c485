"""`ascend repair`: find out why a model fails, and mend it by the smallest change that every gate admits."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ascend_assets.cli import file_options
from ascend_assets.cli.bounds import bounded
from ascend_assets.cli.console import Refused, print_json, progress
from ascend_assets.cli.diagnose import silent
from ascend_assets.cli.languages import LANGUAGES, Language, preferred

if TYPE_CHECKING:
    from onnx import ModelProto

    from ascend_assets.repair.budget import Budget
    from ascend_assets.repair.file_bench import FileBench
    from ascend_assets.repair.loop import Proposer
    from ascend_assets.repair.reporting import Answer
    from ascend_assets.repair.search import Say
    from resources.ascend.options import CompileOptions

_BEYOND = "give a smaller --batch or --input-shape, or fewer --attempts"
_GRACE = 300
"""Seconds after its time in which the attempt that is under way must end, before the process is ended."""


@click.command(short_help="Mend a model that the gates refuse, by the smallest change that they admit.")
@click.argument("model", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@file_options.of_file
@click.option(
    "--keep-dtype", metavar="NODE", multiple=True, help="Nodes that keep their type already; may be repeated."
)
@click.option("-o", "--output", metavar="FIXED.onnx", type=click.Path(path_type=Path), help="Write the result there.")
@click.option("--force", is_flag=True, help="Replace the file that -o names, if it is there.")
@click.option("--attempts", metavar="N", type=click.IntRange(0, 10_000), default=60, show_default=True)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(1, 86400),
    default=120,
    show_default=True,
    help="Begin no attempt after so long.",
)
@click.option("--no-copilot", is_flag=True, help="Ask no language model, even if one is configured.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the answer; else that of LANG.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, no progress.")
def repair(  # noqa: PLR0913 - one parameter per option
    *,
    model: Path,
    soc: str,
    precision_mode: str | None,
    precision_mode_v2: str | None,
    input_shape: str,
    batch: int | None,
    inputs: Path | None,
    keep_dtype: tuple[str, ...],
    output: Path | None,
    force: bool,
    attempts: int,
    timeout: float,
    no_copilot: bool,
    lang: Language | None,
    as_json: bool,
) -> None:
    """Why does MODEL.onnx fail, and what is the smallest change that mends it? Needs no NPU and no project.

    \b
    ascend repair bert.onnx -o bert.fixed.onnx
    ascend repair detector.onnx --soc Ascend910B3 --inputs images.npz -o fixed.onnx --json

    Trained weights are never changed, and MODEL.onnx is not written to. Exit code 0: healthy, or repaired. 1: not
    repairable. 2: not usable.
    """  # noqa: D301 - the backspace tells click to keep the lines
    more = {"keep_dtype": keep_dtype} if keep_dtype else {}
    options = file_options.parsed(soc, precision_mode, precision_mode_v2, input_shape, known_soc=False, **more)
    from ascend_assets.cli import repair_output
    from ascend_assets.repair import repaired_file, reporting
    from ascend_assets.repair.budget import Budget
    from ascend_assets.repair.file_bench import FileBench

    if output is not None:
        repaired_file.check(output, replace=force)
    say = silent if as_json else _say
    with bounded(timeout + _GRACE, _BEYOND):
        say(f"reading {model}")
        bench = FileBench(model, batch=batch, inputs=inputs)
        copilot = None if no_copilot else _copilot(say)
        answer, graph = _answer(bench, options, Budget(attempts, timeout), say, copilot)
        passes = answer.repair.status != "not_repaired"
        data = repaired_file.content(model, bench.sha256, bench.model, graph) if passes and output else b""
    if passes and output:
        repaired_file.write(output, data, replace=force)
        answer = replace(answer, output=str(output))
    if as_json:
        print_json(reporting.as_json(answer))
    else:
        repair_output.print_repair(answer, lang or preferred())
    if not passes:
        raise Refused(repair_output.summary(answer))


def _answer(
    bench: "FileBench", options: "CompileOptions", budget: "Budget", say: "Say", copilot: "Proposer | None"
) -> "tuple[Answer, ModelProto]":
    """The answer, and the graph that passes; the given one where none does."""
    from ascend_assets.repair import loop, reporting

    assumed = bench.check(options)
    proposers = (copilot,) if copilot else ()
    found, graph, used = loop.repair(bench.model, options, bench, budget=budget, say=say, proposers=proposers)
    path = str(bench.path)
    return reporting.Answer(path, bench.sha256, used, found, reporting.assumed(assumed, found)), graph


def _copilot(say: "Say") -> "Proposer | None":
    from ascend_assets.copilot.proposer import proposer

    return proposer(say)


def _say(text: str) -> None:
    progress(f"  {text}")
