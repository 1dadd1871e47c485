"""What a challenger is: what it was trained on and from, and how it did against the champion.

Here belongs the record, and deciding from it alone whether the challenger is better. Not here: how it is made
(`challenger.py`).
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ascend_assets.records import Record
from ascend_assets.spec_production import Retraining
from ascend_assets.training.compare import Judgement, Paired, judge
from resources.store.blobs import Artefact

Why = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
"""`accuracy`, `data`, `drift` or `schedule`; `hand` where a person started it."""


class Champion(BaseModel):
    """The release that the challenger was compared with. `where`: its environment, or `latest` where none is live."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    release: str
    """Digest of its manifest."""
    onnx: str
    where: str


class Folder(BaseModel):
    """The model's files that the challenger was trained by. `commit` is empty for files that are in none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: str
    author: str
    dirty: bool
    archive: Artefact


class Rows(BaseModel):
    """Production's labelled samples: how many, how many were held out, trained on, and left out, and since when.

    `repeated`: not trained on because the same input is among those that the challenger is judged by. `window`: the
    window of production that they are from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labelled: int
    held_out: int
    trained_on: int
    repeated: int
    refused: int
    window: tuple[datetime, datetime]


class ChallengerRecord(Record):
    """A challenger. Unlike other evidence it has a number and a time: it is one attempt, and names a candidate.

    `trained`: the samples that were added to the training. `judged`: the held-out ones, on which `production` was
    counted; `original` was counted on the model's own evaluation data. `evaluation`: the evaluation data of the
    candidate that may come of it. Without a champion nothing was compared.
    """

    stage: Literal["challenger"] = "challenger"
    model: str
    number: Annotated[int, Field(ge=1)]
    at: datetime
    why: Why
    folder: Folder
    rows: Rows
    trained: Artefact
    judged: Artefact
    file: Artefact
    evaluation: Artefact
    accuracy: float
    """Its share of right answers on the held-out samples."""
    champion: Champion | None
    production: Paired | None
    original: Paired | None
    interval: tuple[float, float] | None
    """Bootstrap interval of the difference in accuracy on the held-out samples, 95 %."""
    notes: tuple[str, ...] = ()

    @property
    def data_version(self) -> str:
        """The trained model's digest."""
        return self.file.sha256

    def artefacts(self) -> tuple[Artefact, ...]:
        """The files that the record names."""
        return (*super().artefacts(), self.folder.archive)

    def judge(self, retraining: Retraining, tolerance: float) -> Judgement:
        """Decide from the counts, by the limits in force now. Without a champion the gates alone decide."""
        if self.champion is None:
            return Judgement(better=True, why="there is no release yet, so no champion: the gates alone decide")
        return judge(self.production, self.original, significance=retraining.significance, tolerance=tolerance)
