"""What ModelScope's hub says of a model: its tags, whether it is public, and a version's files with their digests.

Here belong the addresses, the shape of the answers, and validation. Not here: transport (`http.py`), copies on this
machine (`download.py`), which version is formal (`versions.py`).

The client library `modelscope_hub` gives the endpoint (argument, `MODELSCOPE_ENDPOINT`, its default), the addresses and
the levels of visibility. Its own listing is not used: it reads an answer of any size, takes a refusal with status 200
for an empty list, and its session cookie goes along from https to http. What is relied on, as the library asks it and
as answers of the hub show it (all in an envelope `{"Code": 200, "Success": true, "Data": ...}`):

    GET /api/v1/models/{owner}/{name}            Data.Visibility: 1 private, 3 internal, 5 public
    GET .../revisions                            Data.RevisionMap.Tags: [{Revision, CreatedAt (unix seconds)}], Branches
    GET .../repo/files?Revision=&Recursive=True  Data.Files: [{Path, Type (blob, tree), Size, Sha256, CommittedDate}]
    GET .../repo?Revision=&FilePath=             the file; a large one by a redirect to object storage
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from resources.digests import is_sha256
from resources.hub.errors import BadAnswer, HubRefused, NoDigest
from resources.hub.http import Answer, Deadline, Http, Origin
from resources.tarball import UnsafePath, check_path

MAX_ANSWER = 32 * 1024 * 1024
"""Bytes of a JSON answer: 3000 files, the most that the hub lists, take one or two."""
SECONDS = 10.0
"""How long a question may take."""
_MILLISECONDS = 9_999_999_999
_LAST_SECOND = 253_402_300_799
_NOT_FOUND = "is no model of the hub, or not public: correct source.modelscope in defs.yaml"

Shape = TypeVar("Shape", bound=BaseModel)


def _moment(value: object) -> object:
    """Unix seconds, or milliseconds, as some of the hub's answers have them; nonsense is no time."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else 0.0
    except ValueError:
        return None
    seconds = seconds / 1000 if seconds > _MILLISECONDS else seconds
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds <= _LAST_SECOND else None


def _digest(value: object) -> object:
    text = value.lower() if isinstance(value, str) else ""
    return text if is_sha256(text) else ""


def _relative(path: str) -> str:
    try:
        check_path(path)
    except UnsafePath as error:
        raise ValueError(str(error)) from error
    return path


Moment = Annotated[datetime | None, BeforeValidator(_moment)]


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Tag(_Answered):
    """A tag of a model. `created_at` is None where the hub says none."""

    name: Annotated[str, Field(alias="Revision", max_length=200)]
    created_at: Moment = Field(default=None, alias="CreatedAt")
    visibility: int | None = Field(default=None, alias="Visibility")
    """Said for a version by itself; None where it is its model's."""


class HubFile(_Answered):
    """A file of a version: `size` in bytes, `sha256` empty where the hub names none."""

    path: Annotated[str, Field(alias="Path", max_length=1000), AfterValidator(_relative)]
    size: Annotated[int, Field(alias="Size", ge=0, le=2**50)]
    sha256: Annotated[str, Field(alias="Sha256"), BeforeValidator(_digest)] = ""
    kind: Annotated[str, Field(alias="Type", max_length=20)] = "blob"
    committed_at: Moment = Field(default=None, alias="CommittedDate")


class _RevisionMap(_Answered):
    tags: Annotated[tuple[Tag, ...] | None, Field(alias="Tags", max_length=10_000)] = None


class _Revisions(_Answered):
    map: _RevisionMap = Field(alias="RevisionMap")


class _Files(_Answered):
    files: Annotated[tuple[dict[str, JsonValue], ...] | None, Field(alias="Files", max_length=100_000)] = None


class _Repository(_Answered):
    visibility: int = Field(alias="Visibility")


class _Envelope(_Answered):
    code: int = Field(alias="Code")
    success: bool = Field(default=True, alias="Success")
    message: str = Field(default="", alias="Message")
    data: dict[str, JsonValue] | None = Field(default=None, alias="Data")


@dataclass(frozen=True)
class Hub:
    """The hub at `endpoint`, an address without a path."""

    endpoint: str
    http: Http
    seconds: float = SECONDS

    def tags(self, model: str) -> tuple[Tag, ...]:
        """The tags of a model, private ones left out. Raises `HubTrouble`, `HubRefused`."""
        found = self._data(model, "/revisions", {}, _Revisions).map.tags or ()
        public = _public()
        return tuple(tag for tag in found if tag.visibility in {None, public})

    def is_public(self, model: str) -> bool:
        """Whether everybody may read the model. Raises `HubTrouble`, `HubRefused`."""
        return self._data(model, "", {}, _Repository).visibility == _public()

    def files(self, model: str, revision: str, wanted: frozenset[str]) -> tuple[dict[str, HubFile], tuple[str, ...]]:
        """Those of the wanted files that a version has, and the names of all its files (which nobody has checked).

        Only the wanted are validated: a strange name elsewhere in the model is none of ours.
        Raises `HubTrouble`, `HubRefused`, and `NoDigest` for a wanted file without a sha256.
        """
        asked = {"Revision": revision, "Recursive": "True"}
        listed = self._data(model, "/repo/files", asked, _Files).files or ()
        names = tuple(str(entry.get("Path", ""))[:200] for entry in listed if entry.get("Type") != "tree")
        found: dict[str, HubFile] = {}
        for entry in listed:
            if entry.get("Path") in wanted and entry.get("Type") != "tree":
                file = _validated(HubFile, entry, f"the hub's file list of {model} {revision}")
                if not file.sha256:
                    raise NoDigest(
                        f"{model} {revision}: the hub names no sha256 for {file.path}, so nobody can verify it"
                    )
                found[file.path] = file
        return found, names

    @contextmanager
    def file(self, model: str, revision: str, path: str, start: int, deadline: Deadline) -> Iterator[Answer]:
        """The bytes of a file, from `start` where the hub heeds that. Raises `HubTrouble`, `HubRefused`."""
        url = self._url(model, "/repo", {"Revision": revision, "FilePath": path})
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self.http.get(url, deadline, headers) as answer:
            yield answer

    def _url(self, model: str, place: str, query: Mapping[str, str]) -> str:
        from modelscope_hub.constants import LEGACY_API_PREFIX

        asked = f"?{urlencode(query)}" if query else ""
        return f"{self.endpoint}{LEGACY_API_PREFIX}/models/{model}{place}{asked}"

    def _data(self, model: str, place: str, query: Mapping[str, str], shape: type[Shape]) -> Shape:
        url = self._url(model, place, query)
        with self.http.get(url, Deadline.after(self.seconds, self.seconds)) as answer:
            body, where = answer.body(MAX_ANSWER), answer.place
        try:
            envelope = _Envelope.model_validate_json(body)
        except ValidationError as error:
            raise BadAnswer(f"{where}: the answer is not the hub's JSON: {_first(error)}") from None
        if envelope.code != 200 or not envelope.success:  # noqa: PLR2004 - the envelope's own status
            raise HubRefused(
                f"{where}: refused with code {envelope.code} ({envelope.message[:100]!r}): {model} {_NOT_FOUND}"
            )
        return _validated(shape, envelope.data, where)


def connect(endpoint: str | None = None, token: str = "", seconds: float = SECONDS) -> Hub:
    """The hub at an endpoint; without one where `MODELSCOPE_ENDPOINT` says, else ModelScope's own.

    `token` is sent as the library does, as a bearer and as the session's cookie, to this very origin and only where
    nobody on the way can read it (https, or this machine). Without one nothing is sent: not even what a login of the
    library has left in the home folder.
    """
    from modelscope_hub.config import HubConfig

    place = HubConfig(endpoint=endpoint or None, token="").endpoint or ""
    secret = {"Authorization": f"Bearer {token}", "Cookie": f"m_session_id={token}"} if token else {}
    return Hub(place, Http(Origin.of(place), secret), seconds)


def _public() -> int:
    from modelscope_hub.constants import Visibility

    return int(Visibility.PUBLIC)


def _validated(shape: type[Shape], value: Any, where: str) -> Shape:  # noqa: ANN401 - JSON
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise BadAnswer(f"{where}: not what the hub documents: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """The first problem, without the value, which may be anything."""
    found = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, found['loc']))[:100] or 'the whole'}: {found['msg'][:200]}"
