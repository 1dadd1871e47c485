"""Repairing a candidate that was refused: what is repaired, the record of it, and the patch for a person to merge.

Not here: the search (`candidate_search.py`), or the candidate that may come of it (`assets/repaired_source.py`).
"""

from dataclasses import dataclass

from ascend_assets.assets.freezing import FOLDER, in_repository
from ascend_assets.copilot.proposer import proposer
from ascend_assets.models import FILE_NAME
from ascend_assets.records import OnnxRecord, SourceRecord
from ascend_assets.refusal import Left
from ascend_assets.repair import due, patch
from ascend_assets.repair.candidate_records import ProposedPatch, RepairRecord, TargetRepair
from ascend_assets.repair.candidate_search import Search
from ascend_assets.repair.changes import graph_changes
from ascend_assets.repair.unattended import alone
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from resources import onnx_files, tarball

_UNCHANGED = "every target passes when it is tried again as it is: build the candidate anew"


class NothingToRepair(Exception):
    """A run whose candidate cannot be repaired. The message says why."""


@dataclass(frozen=True)
class Asked:
    """Which run failed, and who accepts remedies that need a person; empty where nobody does."""

    run: str
    accepted_by: str = ""


def make(tools: Tools, key: str, asked: Asked, left: Left, *, spec: ModelSpec) -> RepairRecord:
    """Look for remedies by which every target passes. Raises `NothingToRepair`, `StoreError`, `ToolchainError`."""
    source, onnx = left.source, left.records.get("onnx")
    objection = due.objection(left)
    if objection or source is None or not isinstance(onnx, OnnxRecord):
        raise NothingToRepair(objection or "the run left no ONNX file: nothing was exported that could be repaired")
    model = onnx_files.load(tools.blobs.path(onnx.file))
    asking = proposer(tools.say)
    found = Search.of(tools, spec, onnx, model, accept=bool(asked.accepted_by), proposers=(asking,) if asking else ())
    found.run()
    graph = () if found.ended else tuple(found.graph)
    options = {} if found.ended else {place.target.key: tuple(place.options) for place in found.places}
    unasked = [remedy for each in (graph, *options.values()) for remedy in each if not alone(remedy)]
    return RepairRecord(
        key=key,
        made_from={"source": source.data_version, "onnx": onnx.data_version},
        model=spec.name,
        failed=source.candidate,
        run=asked.run,
        commit=source.commit,
        source=source.digest,
        onnx=onnx.digest,
        refused=tuple(dict.fromkeys(verdict.criterion for verdict in left.refused)),
        targets=tuple(
            TargetRepair(target=place.target.key, repair=place.found, options=options.get(place.target.key, ()))
            for place in found.places
            if place.found is not None
        ),
        graph=graph,
        changed=graph_changes(model, found.model) if graph else (),
        for_person=found.for_person,
        accepted_by=asked.accepted_by if unasked else "",
        ended=found.ended or ("every target passes" if graph or any(options.values()) else _UNCHANGED),
        patch=_patch(tools, spec, source, graph, options),
    )


def _patch(
    tools: Tools, spec: ModelSpec, source: SourceRecord, graph: patch.Remedies, options: patch.Options
) -> ProposedPatch:
    """Of the file that the candidate was built from, so that it fits the commit."""
    if not graph and not any(options.values()):
        return ProposedPatch(diff="")
    with tools.scratch() as scratch:
        text = (tarball.unpack(tools.blobs.path(source.archive), scratch / spec.name) / FILE_NAME).read_bytes()
    name = in_repository(tools.repository, tools.repository / FOLDER / spec.name / FILE_NAME)
    diff, why_not = patch.propose(spec, text.decode("utf-8"), name, graph, options)
    file = tools.blobs.put_bytes(diff.encode(), f"{spec.name}-repair.patch") if diff else None
    return ProposedPatch(diff=diff, why_not=why_not, file=file)
