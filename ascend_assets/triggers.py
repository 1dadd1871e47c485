"""What starts runs by itself in this installation, and whom it tells. `triggers.yaml` says it.

Here belong the settings' types. Not here: reading them, and those in force (`triggers_file.py`), what a model says
itself (`defs.yaml`), or deciding that something is due (`sensors/`). No secret stands in the file: a setting that ends
in `_env` names the environment variable that holds one.
"""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StringConstraints, field_validator

from ascend_assets.notices.kinds import KINDS
from ascend_assets.strict import Strict

Variable = Annotated[str, StringConstraints(pattern=r"^([A-Z][A-Z0-9_]{0,99})?$")]
"""Name of an environment variable; empty for none."""
GivenVariable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,99}$")]
"""Name of an environment variable."""
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Pattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./*?-]{1,100}$")]
"""A name of branches or tags; `*` and `?` as in a shell, and `*` also matches `/`."""
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]{1,400}$")]


class CommitStatus(Strict):
    """Reporting how a commit's candidates do to the forge that the repository lies on. `project`: `owner/name`."""

    forge: Literal["gitee", "github", "gitlab"]
    project: Annotated[str, StringConstraints(pattern=r"^[\w.-]+(/[\w.-]+)+$", max_length=200)]
    api: HttpUrl | None = None
    """Where its API is, for one of your own."""
    token_env: Variable


class Repository(Strict):
    """A git repository whose commits become candidates. It has this project's layout.

    `url`: empty for the project's own remote of that name.
    """

    name: Name = "origin"
    url: Annotated[str, StringConstraints(max_length=500)] = ""
    branches: tuple[Pattern, ...] = ("main",)
    tags: tuple[Pattern, ...] = ()
    every_seconds: Annotated[int, Field(ge=10, le=24 * 3600)] = 60
    superseded: Literal["build", "skip"] = "build"
    """Whether a commit is still built once a newer one of its branch has come."""
    token_env: Variable = ""
    """For http(s): the variable that holds an access token."""
    status: CommitStatus | None = None


class Hub(Strict):
    """The model hub. `endpoint`: empty for ModelScope's own."""

    endpoint: HttpUrl | None = None
    every_seconds: Annotated[int, Field(ge=30, le=24 * 3600)] = 300
    token_env: Variable = ""
    max_file_gb: Annotated[FiniteFloat, Field(gt=0, le=10_000)] = 20.0


class Prometheus(Strict):
    """Where production's metrics are asked for. `queries` replaces some of ours: figure -> PromQL."""

    url: HttpUrl
    token_env: Variable = ""
    queries: dict[str, Annotated[str, StringConstraints(max_length=2000)]] = Field(default_factory=dict)


class Channel(Strict):
    """Somebody who is told. `url_env` holds an Apprise address (wecombot://, dingtalk://, feishu://, slack://, mailto://).

    `about`: kinds of notices (`ascend_assets/notices/kinds.py`); empty for all. `at_least`: the least severity.
    """

    name: Name
    url_env: GivenVariable
    language: Literal["en", "zh"] = "zh"
    about: tuple[Name, ...] = ()
    at_least: Literal["error", "info", "warning"] = "info"

    @field_validator("about")
    @classmethod
    def _known(cls, about: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(about) - {*KINDS})
        if unknown:
            raise ValueError(f"no kind of notice is called {unknown[0]!r}; there are: {', '.join(KINDS)}")
        return about


class Notices(Strict):
    """How people are told. `dagster_url`: where the UI is, for links."""

    channels: tuple[Channel, ...] = ()
    group_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """Notices about the same thing that come within so long are one message."""
    repeat_hours: Annotated[FiniteFloat, Field(ge=0, le=24 * 30)] = 6.0
    """What stays wrong is said again after so long; 0 for never."""
    at_most_per_hour: Annotated[int, Field(ge=1, le=1000)] = 20
    """Messages to one channel; what is beyond waits and comes as one."""
    dagster_url: HttpUrl | None = None


class Triggers(Strict):
    """All of it."""

    repositories: tuple[Repository, ...] = ()
    hub: Hub = Hub()
    prometheus: Prometheus | None = None
    notices: Notices = Notices()
