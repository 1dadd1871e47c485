"""The past in Dagster's event log: a line of facts beside each verdict on a compilation.

Here belong what is written there and reading it back, bounded. Not here: what the facts are (`facts.py`), or what
follows from them (`estimate.py`).
"""

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES as FINISHED,
)

from ascend_assets.gates import conversion
from ascend_assets.records import OmRecord, OnnxRecord, Record
from ascend_assets.risk import facts
from ascend_assets.risk.facts import Conversion
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Stage, Tools
from resources import onnx_files
from resources.ascend.toolchain import CompileRefused

ENTRY = "conversion"
"""Metadata of an evaluation of `conversion_errors`: the line of facts."""
OF_EACH = 40
"""Compilations of one target of one model that count, the newest."""
IN_ALL = 1500


def entry(tools: Tools, spec: ModelSpec, stage: Stage, onnx: Record, made: OmRecord | CompileRefused) -> dict[str, str]:
    """What a verdict on a compilation keeps of it. Nothing where the file cannot be read, which the compiler said."""
    if not isinstance(onnx, OnnxRecord):
        return {}
    options = spec.target(stage.asset[1]).options(spec.inputs)
    try:
        model = onnx_files.parse(tools.blobs.path(onnx.file))
    except onnx_files.OnnxFileError:
        return {}
    refused = made.diagnostics if isinstance(made, CompileRefused) else None
    return {ENTRY: facts.conversion(model, options, refused).line()}


def conversions(instance: dg.DagsterInstance) -> tuple[Conversion, ...]:
    """Compilations that were tried here, of every model, oldest first."""
    found: list[tuple[float, Conversion]] = []
    for asset in instance.all_asset_keys():
        if asset.path[-1] != "om":
            continue
        key = dg.AssetCheckKey(asset, conversion.NAME)
        records = instance.event_log_storage.get_asset_check_execution_history(key, limit=OF_EACH, status=FINISHED)
        for record in records:
            event = record.event
            evaluation = event.dagster_event.event_specific_data if event and event.dagster_event else None
            kept = evaluation.metadata.get(ENTRY) if isinstance(evaluation, dg.AssetCheckEvaluation) else None
            read = facts.read(str(kept.value)) if kept is not None else None
            if event is not None and read is not None:
                found.append((event.timestamp, read))
    found.sort(key=lambda each: each[0])
    return tuple(each for _, each in found[-IN_ALL:])
