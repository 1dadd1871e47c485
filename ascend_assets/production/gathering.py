"""The samples of a window of time, from every file that production has left: judged row by row, joined, and one file.

Here belong what is read, what counts, and the one file that is made of it. Not here: what a row must keep
(`schema.py`), or Dagster (`assets.py`).

A file that changed before the window began holds nothing of it and is not opened. What is beyond the bounds is left out
from the oldest on, and told.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ascend_assets.gates.wording import counted, listing
from ascend_assets.production import facts, joining, layout, schema
from ascend_assets.production.records import MAX_VIOLATIONS, ProductionRecord, Violation
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools, code_version
from resources.digests import canonical_json, sha256_bytes
from resources.production import vetting
from resources.production.files import Listing, fingerprint, look
from resources.production.reading import ROW, BadFile, Layout, opened, pieces
from resources.production.samples import AT, FEEDBACK, SAMPLES, parquet_bytes

if TYPE_CHECKING:
    import pandera.pandas as pa_schema
    import pyarrow as pa

MOST_FILES = 10_000
MOST_ROWS = 2_000_000
MOST_BYTES = 512 * 1024**2
"""Of one window: files that are opened, rows that are kept, and about how many bytes of memory they take."""
_SUFFIX = ".parquet"
_VERSIONS = 100


@dataclass
class Pile:
    """What was found so far in one kind of file."""

    layout: Layout
    schema: "pa_schema.DataFrameSchema"
    since: datetime
    until: datetime
    kept: "list[pa.Table]" = field(default_factory=list)
    rows: int = 0
    files: int = 0
    refused: int = 0
    violated: int = 0
    violations: list[Violation] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    cut: str = ""

    @property
    def full(self) -> bool:
        """Whether no more may be kept."""
        return self.rows >= MOST_ROWS or self.rows * self.layout.row_bytes() >= MOST_BYTES

    def read(self, folder: Path, found: Listing) -> None:
        """Read files, the newest first, until all are read or no more may be kept. Raises `OSError`."""
        deadly = vetting.deadly([folder / file.name for file in found.files[:MOST_FILES]], self.layout)
        for number, file in enumerate(found.files):
            if self.full or number >= MOST_FILES:
                rest = len(found.files) - number
                self.cut = f"{counted(rest, 'older file')} left out: {self.rows} rows of {number} files are enough"
                return
            self.files += 1
            name = f"{folder.name}/{file.name}"
            try:
                if folder / file.name in deadly:
                    raise BadFile(deadly[folder / file.name], f"{file.size} bytes")  # noqa: TRY301 - told below
                self._read_one(folder.parent, name)
            except BadFile as error:
                self.violated += 1
                self._tell(
                    Violation(
                        file=_shown(name),
                        row=None,
                        column=error.column,
                        check=error.check,
                        value=error.value,
                    )
                )

    def _read_one(self, folder: Path, name: str) -> None:
        with opened(folder / name, self.layout) as (file, head):
            self.ignored.update(head.ignored)
            for piece in pieces(file, self.layout):
                self._judge(_within(piece, self.since, self.until), _shown(name))
                if self.full:
                    return

    def _judge(self, piece: "pa.Table", name: str) -> None:
        import pyarrow as pa

        if not len(piece):
            return
        mask, cases = schema.broken(self.schema, facts.frame(piece, self.layout))
        self.refused += int(mask.sum())
        self.violated += len(cases)
        for one in schema.listed(cases, piece, self.layout, MAX_VIOLATIONS - len(self.violations)):
            row = piece[ROW][one.place].as_py()
            self._tell(Violation(file=name, row=row, column=one.column, check=one.check, value=one.value))
        good = piece.filter(pa.array(~mask)).drop_columns([ROW])
        self.kept.append(joining.uniform(good, self.layout))
        self.rows += len(good)

    def _tell(self, violation: Violation) -> None:
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(violation)


def gather(tools: Tools, spec: ModelSpec, folder: Path) -> ProductionRecord:
    """The record of the window that ends now. `folder`: that of the model in its environment.

    Raises `OSError` if the folder cannot be listed, `StoreError`.
    """
    if spec.production is None:
        raise ValueError(f"{spec.name} says nothing of production")
    now = tools.now()
    since = now - timedelta(hours=spec.production.window_hours)
    samples = Pile(layout.of_samples(spec), schema.of_samples(spec, now), since, now)
    feedback = Pile(layout.of_feedback(spec), schema.of_feedback(spec, now), since, now)
    found = {name: look(folder / name, _SUFFIX, since=since.timestamp()) for name in (SAMPLES, FEEDBACK)}
    samples.read(folder / SAMPLES, found[SAMPLES])
    feedback.read(folder / FEEDBACK, found[FEEDBACK])
    joined = joining.join(samples.kept, feedback.kept, samples.layout)
    artefact = tools.blobs.put_bytes(parquet_bytes(joined.table), "samples.parquet") if len(joined.table) else None
    files = {name: fingerprint(each.files) for name, each in found.items()}
    identity = {"stage": "production", "options": spec.production.model_dump(mode="json"), "code": code_version()}
    return ProductionRecord(
        key=sha256_bytes(canonical_json({**identity, "files": files, "until": now.isoformat()})),
        made_from={},
        environment=layout.environment(spec),
        window=(since, now),
        rows=len(joined.table),
        refused=samples.refused + feedback.refused,
        labelled=joined.labelled,
        versions=joining.versions(joined.table, _VERSIONS),
        samples=artefact,
        violations=(*samples.violations, *feedback.violations)[:MAX_VIOLATIONS],
        violated=samples.violated + feedback.violated,
        files=samples.files + feedback.files,
        duplicates=joined.duplicates,
        unmatched=joined.unmatched,
        notes=tuple(_notes(folder, (samples, feedback), found)),
    )


def _notes(folder: Path, piles: tuple[Pile, ...], found: dict[str, Listing]) -> Iterator[str]:
    if not folder.is_dir():
        yield f"nothing has been written: {folder.name} has no folder below {folder.parent.name}"
    for name, pile in zip((SAMPLES, FEEDBACK), piles, strict=True):
        if not found[name].whole:
            yield f"{name}: more files than one look reads; remove old ones"
        if pile.cut:
            yield f"{name}: {pile.cut}"
        if pile.ignored:
            yield f"{name}: columns that nobody asked for: {listing(sorted(pile.ignored))}"


def _within(piece: "pa.Table", since: datetime, until: datetime) -> "pa.Table":
    """The rows of the window, and those that no clock explains: they, and rows without a time, are to be refused.

    What is only a little ahead of our clock is of the next window.
    """
    import pyarrow as pa
    from pyarrow import compute

    def moment(at: datetime) -> pa.Scalar:
        return pa.scalar(at, pa.timestamp("us", "UTC"))

    inside = compute.and_(
        compute.greater(piece[AT], moment(since)),
        compute.or_(
            compute.less_equal(piece[AT], moment(until)), compute.greater(piece[AT], moment(until + schema.CLOCKS))
        ),
    )
    return piece.filter(compute.fill_null(inside, True))


def _shown(name: str) -> str:
    """A file's name as it can be stored and shown: any bytes may be one."""
    return name.encode(errors="replace").decode()[:200]
