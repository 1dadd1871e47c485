"""lint: what reading the ONNX file and the model's own code finds, before anything is compiled.

Here belongs gathering the counts of all rules into one record. Not here: the rules (`ascend_assets/lint/`), or what may
pass (`gates/lint.py`).
"""

import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

from ascend_assets.lint import cann, code_rules, cve, onnx_rules, pins
from ascend_assets.lint.processes import Run
from ascend_assets.records import LintCount, LintRecord, OnnxRecord, SourceRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order, Tools
from resources import process, tarball
from resources.ascend.toolchain import ToolchainIdentity


def make(
    tools: Tools, key: str, _order: Order, *, source: SourceRecord, onnx: OnnxRecord, spec: ModelSpec
) -> LintRecord:
    """Look at the candidate's files at its commit, and at the ONNX file that was made from them."""
    with tools.scratch() as scratch:
        folder = tarball.unpack(tools.blobs.path(source.archive), scratch / "model")
        counts = collect(
            spec, folder, tools.blobs.path(onnx.file), tools.toolchain.describe(), run=process.run, trivy=cve.find()
        )
    return LintRecord(key=key, made_from={"source": source.data_version, "onnx": onnx.data_version}, counts=counts)


def collect(
    spec: ModelSpec, folder: Path, onnx: Path, toolchain: ToolchainIdentity, *, run: Run, trivy: str | None
) -> tuple[LintCount, ...]:
    """One count per criterion of the lint gate, in its order.

    `folder`: the model's unpacked sources; `onnx`: the file made from them; `trivy`: the program, None where absent.
    """
    return (
        *onnx_rules.inspect(onnx, spec),
        code_rules.count(folder, spec, run),
        pins.count(folder, spec),
        cann.count(toolchain.cann, spec.requirements.cann),
        cve.count(folder, spec, run, trivy),
    )


@cache
def scanners() -> dict[str, str]:
    """What else the counts depend on: the versions of the tools that look, so that other tools mean other evidence."""
    return {"ruff": version("ruff"), "trivy": cve.identity(cve.find(), os.environ)}
