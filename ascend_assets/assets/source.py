"""source: a candidate's files at its commit, as one archive.

Here belongs the record of a candidate's frozen files, so that later stages never look at the working tree. Not here:
which files are taken (`freezing.py`), or how git is asked (`resources/git.py`).
"""

from ascend_assets.assets import freezing
from ascend_assets.assets.freezing import FOLDER, OtherDefinition
from ascend_assets.records import SourceRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order, Tools

__all__ = ["FOLDER", "OtherDefinition", "make"]


def make(tools: Tools, key: str, order: Order, *, spec: ModelSpec) -> SourceRecord:
    """Freeze the model's files: at the commit asked for, else at the one checked out, else as they lie there.

    Files that lie there are taken only while some are not committed (or outside git); such a candidate stays in dev.
    Raises `GitError`, and `OtherDefinition` where the frozen `defs.yaml` describes another graph than the loaded one.
    """
    with tools.scratch() as folder:
        archive = folder / "source.tar"
        origin = freezing.freeze(tools.repository, spec.name, archive, commit=order.commit, candidate=order.candidate)
        freezing.require_same_definition(spec, archive, folder / spec.name)
        stored = tools.keep(archive, f"{spec.name}.tar")
    return SourceRecord(
        key=key,
        made_from={},
        model=spec.name,
        candidate=origin.candidate,
        commit=origin.commit,
        author=origin.author,
        dirty=origin.dirty,
        archive=stored,
    )
