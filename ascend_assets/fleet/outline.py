"""Assets and checks as Dagster's asset graph wants to see them, drawn from what is declared.

Here belongs an outline: keys, specs, and what may be run alone. Not here: jobs (`jobs.py`), or the real definitions
(`declared.py`). A test holds the snapshot that Dagster makes of outlines against the one that it makes of the real
ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import dagster as dg
from dagster._core.definitions.assets.definition.asset_spec import AssetExecutionType
from dagster._core.definitions.assets.definition.assets_definition import unique_id_from_asset_and_check_keys
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode

from ascend_assets.declared import Asset, Check, Checks, Parts

Key = dg.AssetKey | dg.AssetCheckKey


@dataclass(frozen=True, eq=False)
class Unit:
    """What is run together, in place of an `AssetsDefinition`: an asset with the checks of its step, or checks alone.

    `step`: the name of its op, empty for an asset that no run makes. `declared`: where the op comes from.
    """

    specs_by_key: Mapping[dg.AssetKey, dg.AssetSpec]
    specs_by_check: Mapping[dg.AssetCheckKey, dg.AssetCheckSpec]
    step: str
    can_subset: bool
    declared: Asset | Checks | Check | None = None

    partitions_def = None
    backfill_policy = None
    auto_observe_interval_minutes = None
    node_def = None
    is_observable = False

    @property
    def keys(self) -> set[dg.AssetKey]:
        """Its assets."""
        return set(self.specs_by_key)

    @property
    def check_keys(self) -> set[dg.AssetCheckKey]:
        """Its checks."""
        return set(self.specs_by_check)

    @property
    def asset_and_check_keys(self) -> set[Key]:
        """Both."""
        return {*self.specs_by_key, *self.specs_by_check}

    @property
    def is_executable(self) -> bool:
        """Whether a run can make it."""
        return bool(self.step)

    is_materializable = is_executable

    @property
    def is_external(self) -> bool:
        """Whether no run makes it."""
        return not self.step

    @property
    def execution_type(self) -> AssetExecutionType:
        """Dagster's word for that."""
        return AssetExecutionType.MATERIALIZATION if self.step else AssetExecutionType.UNEXECUTABLE

    @cached_property
    def unique_id(self) -> str:
        """What assets and checks that cannot be run apart have in common."""
        return unique_id_from_asset_and_check_keys(self.asset_and_check_keys)

    def get_spec_for_check_key(self, key: dg.AssetCheckKey) -> dg.AssetCheckSpec:
        """A check's spec."""
        return self.specs_by_check[key]


def units(parts: Parts) -> tuple[Unit, ...]:
    """Everything that was declared, asset by asset."""
    return (*map(_of_asset, parts.assets), *map(_of_checks, parts.checks))


def graph(all_units: Iterable[Unit]) -> AssetGraph:
    """Dagster's asset graph of outlines."""
    units_of = {key: unit for unit in all_units for key in unit.specs_by_key}
    checks: defaultdict[dg.AssetKey, set[dg.AssetCheckKey]] = defaultdict(set)
    unit_of_check = {key: unit for unit in all_units for key in unit.specs_by_check}
    for check in unit_of_check:
        checks[check.asset_key].add(check)
    parents = {key: {dep.asset_key for dep in unit.specs_by_key[key].deps} for key, unit in units_of.items()}
    children: defaultdict[dg.AssetKey, set[dg.AssetKey]] = defaultdict(set)
    for key, above in parents.items():
        for parent in above:
            children[parent].add(key)
    nodes = {
        key: AssetNode(key, parents[key], children[key], cast("Any", unit), checks[key])
        for key, unit in units_of.items()
    }
    return AssetGraph(nodes, cast("Any", unit_of_check))


def _of_asset(declared: Asset | dg.AssetSpec) -> Unit:
    if isinstance(declared, dg.AssetSpec):
        return Unit({declared.key: declared}, {}, "", can_subset=False)
    spec = _spec(declared)
    checks = {check.key: check for check in declared.check_specs}
    return Unit({spec.key: spec}, checks, "__".join(spec.key.path), can_subset=False, declared=declared)


def _of_checks(declared: Checks | Check) -> Unit:
    checks = {check.key: check for check in declared.check_specs}
    subset = bool(declared.options.get("can_subset", False))
    return Unit({}, checks, declared.name, can_subset=subset, declared=declared)


def _spec(declared: Asset) -> dg.AssetSpec:
    """The spec that `dagster.asset` would make."""
    given = declared.options
    inputs = [each.key for each in (given.get("ins") or {}).values()]
    return dg.AssetSpec(
        key=declared.key,
        deps=[*inputs, *(given.get("deps") or ())],
        description=given.get("description"),
        metadata=given.get("metadata"),
        group_name=given.get("group_name"),
        code_version=given.get("code_version"),
        owners=given.get("owners"),
        tags=given.get("tags"),
        kinds=given.get("kinds"),
    )
