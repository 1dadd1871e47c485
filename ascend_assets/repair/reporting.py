"""The answer of `ascend diagnose` and `ascend repair`: as one JSON object, and as a command that a person types.

Here belongs the form, the same for both. Not here: printing it (`cli/repair_output.py`), or finding it (`loop.py`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ascend_assets.remedies.kinds import SetInputShapes
from ascend_assets.repair.records import Repair
from resources.ascend.options import CompileOptions

if TYPE_CHECKING:
    from resources.ascend.cann.options.option_files import OptionFile


@dataclass(frozen=True)
class Answer:
    """What is known of one file. `options`: those to compile with, repaired where they were.

    `model`: the file that was given, `output`: the one that was written, empty for none; `sha256`: of the given one.
    `assumed`: inputs whose sizes nobody stated.
    """

    model: str
    sha256: str
    options: CompileOptions
    repair: Repair
    assumed: tuple[str, ...] = ()
    output: str = ""


UNWRITTEN = "FIXED.onnx"
"""Stands for the file that nobody asked to be written."""


def edited(repair: Repair) -> bool:
    """Whether what passes is another graph than the one that was given."""
    return any(remedy.touches != "options" for remedy in repair.remedies)


def assumed(batch_of: tuple[str, ...], repair: Repair) -> tuple[str, ...]:
    """Inputs whose sizes nobody stated: those that got a batch of 1, and those that a remedy gave sizes."""
    sizes = [one for one in repair.remedies if isinstance(one, SetInputShapes)]
    named = {name for one in sizes for name in one.shapes}
    guessed = [name for one in sizes for name in one.assumed]
    return tuple(dict.fromkeys((*(name for name in batch_of if name not in named), *guessed)))


def option_files(options: CompileOptions) -> "Mapping[str, OptionFile]":
    """The files that the command names: flag -> file."""
    from resources.ascend.cann.options.option_files import option_files as files

    return files(options)


def command(answer: Answer) -> tuple[str, ...]:
    """The arguments of `atc` for what is to be compiled; empty where there is no model. Files by their own names.

    An edited graph that was not written stands as `FIXED.onnx`: the given file is not what passes.
    """
    from resources.ascend.spelling import command as spelt

    if not answer.model:
        return ()
    model = answer.output or (UNWRITTEN if edited(answer.repair) else answer.model)
    files = option_files(answer.options)
    named = {f"--{flag}=<file>": f"--{flag}={file.name}" for flag, file in files.items()}
    made = spelt(answer.options, model, model.removesuffix(".onnx"))
    return tuple(named.get(argument, argument) for argument in made)


def as_json(answer: Answer) -> dict[str, Any]:
    """The answer as one JSON object, in the order in which a person would ask. What is no number is null."""
    found = json.loads(answer.repair.model_dump_json())
    return {
        "model": answer.model or None,
        "sha256": answer.sha256 or None,
        "soc": answer.options.soc_version,
        "origin": found["origin"],
        "healthy": answer.repair.status == "healthy",
        "causes": found["causes"],
        "attempts": found["attempts"],
        "repaired": answer.repair.status == "repaired",
        "remedies": found["remedies"],
        "for_person": found["for_person"],
        "assumed": list(answer.assumed),
        "options": _given(answer.options),
        "atc": list(command(answer)),
        "atc_files": {file.name: file.content for file in option_files(answer.options).values()},
        "option_changes": found["options"],
        "graph_changes": found["graph"],
        "before": found["before"],
        "after": found["after"],
        "output": answer.output or None,
        "ended": found["ended"],
        "seconds": found["seconds"],
    }


def _given(options: CompileOptions) -> dict[str, Any]:
    """The options without those at their default: what `CompileOptions` reads back as the same."""
    written = options.model_dump(mode="json", exclude_defaults=True)
    return {"soc_version": options.soc_version, **written}
