"""What a stage is, and when its work may be reused.

Here belong the description of one step of a candidate's walk as data, the tools a step may use, and the key that says
whether two pieces of work are the same. Not here: what a step does (`assets/`), the order in which Dagster runs them
(`graph.py`).
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from ascend_assets.environments import Environments
from ascend_assets.policy_file import in_force
from ascend_assets.records import Record
from resources.ascend.toolchain import Toolchain
from resources.dependency_lock import Lock
from resources.digests import canonical_json, sha256_bytes
from resources.registry.ledger import Ledger
from resources.registry.releases import Registry
from resources.store.blobs import Artefact, Blobs

AssetKey = tuple[str, ...]
"""`(model, stage)` or `(model, target, stage)`."""

_PACKAGES = ("ascend_assets", "resources")


@dataclass(frozen=True)
class Tools:
    """What a stage may touch. `say` reports progress to whoever watches."""

    blobs: Blobs
    registry: Registry
    ledger: Ledger
    toolchain: Toolchain
    repository: Path
    """The folder that holds the project: in git, or not."""
    lock: Lock = field(default_factory=Lock)
    """The lock that the pipeline's own dependencies were installed from."""
    say: Callable[[str], None] = field(default=lambda _: None)
    chosen: str = ""
    """Which toolchain that is, and why that one."""
    environments: Environments = field(default_factory=in_force)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="ascend-") as folder:
            yield Path(folder)

    def keep(self, path: Path, name: str) -> Artefact:
        """Store a file."""
        return self.blobs.put_file(path, name=name)


@dataclass(frozen=True)
class Order:
    """What a run was asked for. Empty fields mean: the working tree, and a candidate named after it.

    `hub`: a version of the model's hub. `training`: digest of the challenger's record that becomes a candidate.
    `repair`: digest of the repair's record that becomes one. `stays`: why what is live is not replaced; empty for a
    deployment.
    """

    commit: str = ""
    hub: str = ""
    training: str = ""
    repair: str = ""
    stays: str = ""
    candidate: str = ""
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Stage:
    """One step of the walk.

    `inputs`: argument name of `make` -> key of the asset that it takes. `options`: everything of the model's definition
    that the result depends on, as JSON. `make(tools, key, order, **records)` does the work. `context(tools, records)`
    names what else it depends on, as JSON: the releases that it is compared with, say. `reusable` is False for a step
    that asks the world anew each time: git, or the registry.
    """

    asset: AssetKey
    make: Callable[..., Record]
    inputs: Mapping[str, AssetKey]
    options: Mapping[str, Any]
    description: str
    kinds: frozenset[str]
    context: Callable[[Tools, Mapping[str, Record]], Mapping[str, Any]] | None = None
    reusable: bool = True

    @property
    def name(self) -> str:
        """The stage's word: `onnx`, `om`."""
        return self.asset[-1]

    def key(self, tools: Tools, records: Mapping[str, Record]) -> str:
        """Sha256 of all that decides the result: stage, options, inputs' data versions, toolchain and our own code."""
        identity = {
            "stage": self.name,
            "options": self.options,
            "made_from": {name: record.data_version for name, record in records.items()},
            "toolchain": tools.toolchain.describe().model_dump(mode="json"),
            "context": self.context(tools, records) if self.context else {},
            "code": code_version(),
        }
        return sha256_bytes(canonical_json(identity))


@cache
def code_version() -> str:
    """Digest of the sources that stages run, models' own files excluded.

    Coarse on purpose: a version that a person has to bump is one day forgotten, and stale evidence is worse than a
    stage done again.
    """
    root = Path(__file__).resolve().parent.parent
    files = sorted(
        path
        for package in _PACKAGES
        for path in (root / package).rglob("*")
        if path.suffix in {".py", ".csv", ".json", ".yaml", ".j2", ".css"} and "__pycache__" not in path.parts
    )
    defs = root / "ascend_assets" / "defs"
    parts = {str(path.relative_to(root)): sha256_bytes(path.read_bytes()) for path in files if defs not in path.parents}
    return sha256_bytes(canonical_json(parts))
