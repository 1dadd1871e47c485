"""om: an ONNX model compiled for one target.

Here belongs the call of the toolchain's compiler, with the options that a target asks for and a repair changes, and the
record of what it made. Not here: why a compiler refuses (`resources/ascend`), or whether a warning matters
(`gates/conversion.py`).
"""

from ascend_assets.records import LintRecord, OmRecord, OnnxRecord
from ascend_assets.repair.applied import options_for
from ascend_assets.spec import ModelSpec, Target
from ascend_assets.stage import Order, Tools
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import ToolchainError


def make(
    tools: Tools, key: str, _order: Order, *, onnx: OnnxRecord, lint: LintRecord, spec: ModelSpec, target: Target
) -> OmRecord:
    """Compile for `target`. Raises `CompileRefused` with every reason, `ToolchainError` for a file that is another."""
    options = options_for(spec, target, onnx.repair)
    return compiled(tools, key, options, onnx=onnx, lint=lint, spec=spec, target=target)


def compiled(
    tools: Tools,
    key: str,
    options: CompileOptions,
    *,
    onnx: OnnxRecord,
    lint: LintRecord,
    spec: ModelSpec,
    target: Target,
) -> OmRecord:
    """Compile with these options. Raises as `make`."""
    with tools.scratch() as folder:
        output = folder / f"{spec.name}-{target.key}.om"
        made = tools.toolchain.compile(tools.blobs.path(onnx.file), options, output)
        opened = tools.toolchain.open(output, target.soc_version)
        if opened.identity != made.info.identity:
            raise ToolchainError(
                f"{output.name}: the file says it is {opened.identity[:12]}, but what was compiled is "
                f"{made.info.identity[:12]}: another process or another compiler wrote it; compile again"
            )
        file = tools.keep(output, output.name)
    return OmRecord(
        key=key,
        made_from={"onnx": onnx.data_version, "lint": lint.data_version},
        target=target.key,
        file=file,
        info=made.info,
        report=made.report,
    )
