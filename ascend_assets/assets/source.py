"""source: a candidate's files at its commit, as one archive.

Here belongs the record of a candidate's frozen files, so that later stages never look at the working tree. Not here:
which files are taken (`freezing.py`), those of a challenger (`trained_source.py`), a repair (`repaired_source.py`) or a
hub (`hub_source.py`), or how git is asked (`resources/git.py`).
"""

from ascend_assets.assets import freezing, hub_source, repaired_source, trained_source
from ascend_assets.assets.freezing import FOLDER, Origin, OtherDefinition
from ascend_assets.assets.hub_source import Frozen
from ascend_assets.records import SourceRecord
from ascend_assets.spec import HubSource, ModelSpec
from ascend_assets.stage import Order, Tools

__all__ = ["FOLDER", "OtherDefinition", "make"]


class NotFromHub(Exception):
    """A hub's version was asked for, of a model that is from none."""


def make(tools: Tools, key: str, order: Order, *, spec: ModelSpec) -> SourceRecord:
    """Freeze the model's files: at the commit asked for, else at the one checked out, else as they lie there.

    Files that lie there are taken only while some are not committed (or outside git); such a candidate stays in dev.
    Of a model from a hub the archive holds the hub's files, too, below `hub/`. Raises `GitError`; `OtherDefinition`
    where the frozen `defs.yaml` describes another graph than the loaded one; `NotFromHub`; and what
    `repaired_source.make`, `trained_source.make` and `hub_source.freeze` raise.
    """
    if order.repair:
        return repaired_source.make(tools, key, order, spec=spec)
    if order.training:
        return trained_source.make(tools, key, order, spec=spec)
    hub = None
    with tools.scratch() as folder:
        archive = folder / "source.tar"
        origin = freezing.freeze(tools.repository, spec.name, archive, commit=order.commit, candidate=order.candidate)
        freezing.require_same_definition(spec, archive, folder / spec.name)
        if isinstance(spec.source, HubSource):
            hub = hub_source.freeze(tools, spec, spec.source, order.hub, archive, folder / "with_hub.tar")
            archive = folder / "with_hub.tar"
        elif order.hub:
            raise NotFromHub(f"{spec.name} is of no model hub, so it has no version {order.hub[:80]}")
        stored = tools.keep(archive, f"{spec.name}.tar")
    return SourceRecord(
        key=key,
        made_from={},
        model=spec.name,
        candidate=_name(order, origin, hub),
        commit=origin.commit,
        author=origin.author,
        dirty=origin.dirty,
        archive=stored,
        hub=hub.files if hub else None,
    )


def _name(order: Order, origin: Origin, hub: Frozen | None) -> str:
    """The candidate's name: of a hub's version unless a commit was asked for, or files that are in none are built."""
    if hub is None or order.candidate:
        return origin.candidate
    return hub.candidate if order.hub or not (order.commit or origin.dirty) else origin.candidate
