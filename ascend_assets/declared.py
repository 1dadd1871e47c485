"""Assets, checks and jobs as data, before Dagster makes its own objects of them.

Here belongs what one of them is, and making the real one. Dagster's objects take milliseconds each, and a model has
dozens: who only wants to know what there is (`fleet/`) reads these, and who runs something builds what it runs. Not
here: which assets a model has (`graph.py`, `checks.py` and their neighbours; `component.py` puts them together).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from ascend_assets.cluster.restarting import restarted

Make = Callable[..., Iterator[object]]
Judge = Callable[..., Any]


@dataclass(frozen=True)
class Asset:
    """An asset with a step of its own. `options` are those of `dagster.asset`."""

    options: Mapping[str, Any]
    make: Make

    @property
    def key(self) -> dg.AssetKey:
        """The asset's key."""
        return dg.AssetKey(self.options["key"])

    @property
    def check_specs(self) -> tuple[dg.AssetCheckSpec, ...]:
        """The checks that the asset's own step evaluates."""
        return tuple(self.options.get("check_specs") or ())

    def build(self) -> dg.AssetsDefinition:
        """Dagster's own."""
        decorate: Callable[[Make], dg.AssetsDefinition] = dg.asset(**self.options)
        return decorate(restarted(self.make))


@dataclass(frozen=True)
class Checks:
    """Checks of one asset that one step evaluates. `options` are those of `dagster.multi_asset_check`."""

    options: Mapping[str, Any]
    judge: Judge

    @property
    def name(self) -> str:
        """The step's name."""
        return str(self.options["name"])

    @property
    def check_specs(self) -> tuple[dg.AssetCheckSpec, ...]:
        """The checks."""
        return tuple(self.options["specs"])

    def build(self) -> dg.AssetChecksDefinition:
        """Dagster's own."""
        decorate: Callable[[Judge], dg.AssetChecksDefinition] = dg.multi_asset_check(**self.options)
        return decorate(restarted(self.judge))


@dataclass(frozen=True)
class Check:
    """A check with a step of its own. `options` are those of `dagster.asset_check`."""

    options: Mapping[str, Any]
    judge: Judge

    @property
    def name(self) -> str:
        """The step's name, as Dagster makes it."""
        return "_".join((*self.options["asset"], self.options["name"]))

    @property
    def check_specs(self) -> tuple[dg.AssetCheckSpec, ...]:
        """The check."""
        given = self.options
        return (
            dg.AssetCheckSpec(
                given["name"],
                asset=given["asset"],
                description=given.get("description"),
                blocking=given.get("blocking", False),
            ),
        )

    def build(self) -> dg.AssetChecksDefinition:
        """Dagster's own."""
        decorate: Callable[[Judge], dg.AssetChecksDefinition] = dg.asset_check(**self.options)
        return decorate(restarted(self.judge))


@dataclass(frozen=True)
class Job:
    """A job: the assets that it makes, with all their checks, and `checks` of other assets that it evaluates."""

    name: str
    assets: tuple[dg.AssetKey, ...]
    description: str
    tags: Mapping[str, str]
    checks: tuple[dg.AssetCheckKey, ...] = ()

    def build(self) -> UnresolvedAssetJobDefinition:
        """Dagster's own."""
        selection: dg.AssetSelection = dg.AssetSelection.assets(*self.assets)
        if self.checks:
            selection |= dg.AssetSelection.checks(*self.checks)
        return dg.define_asset_job(self.name, selection, tags=self.tags, description=self.description)


@dataclass(frozen=True)
class Parts:
    """Some of a model, or all of it. An `AssetSpec` is an asset that no run makes."""

    assets: tuple[Asset | dg.AssetSpec, ...] = ()
    checks: tuple[Checks | Check, ...] = ()
    jobs: tuple[Job, ...] = ()

    def __add__(self, other: "Parts") -> "Parts":
        """Both."""
        return Parts(self.assets + other.assets, self.checks + other.checks, self.jobs + other.jobs)

    def build(self) -> dg.Definitions:
        """Dagster's own."""
        return dg.Definitions(
            assets=[each if isinstance(each, dg.AssetSpec) else each.build() for each in self.assets],
            asset_checks=[each.build() for each in self.checks],
            jobs=[each.build() for each in self.jobs],
        )


def together(parts: Iterable[Parts]) -> Parts:
    """All of them."""
    return reduce(Parts.__add__, parts, Parts())


def asset(**options: Any) -> Callable[[Make], Asset]:  # noqa: ANN401 - Dagster's own
    """A decorator that declares an asset; `options` as `dagster.asset` takes them."""
    return lambda make: Asset(options, make)


def checks(**options: Any) -> Callable[[Judge], Checks]:  # noqa: ANN401 - Dagster's own
    """A decorator that declares the checks of one step; `options` as `dagster.multi_asset_check` takes them."""
    return lambda judge: Checks(options, judge)


def check(**options: Any) -> Callable[[Judge], Check]:  # noqa: ANN401 - Dagster's own
    """A decorator that declares a check; `options` as `dagster.asset_check` takes them."""
    return lambda judge: Check(options, judge)
