"""What the jobs share: how a job is made of an operation, how a refusal is shown, and how a move is.

Not here: the jobs (the other modules of this package), or what a deployment shows (`ascend_assets/deployments.py`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field

from ascend_assets import deployments, graph, history, markdown
from ascend_assets.cluster import pods
from ascend_assets.stage import Tools
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.registry.admissions import Requirement
from resources.registry.ledger import MOVES, Entry
from resources.store.objects import StoreError

OPERATION_TAG = "ascend/operation"
_ONCE = {"dagster/max_retries": "0", "dagster/retry_on_asset_or_op_failure": "false"}
"""What a person decided is done once: who is refused decides anew."""
_OURS = frozenset({"ascend_assets", "resources"})

Act = Callable[[dg.OpExecutionContext, Any, Tools], Mapping[str, Any]]
"""Takes a job's own form; returns what is shown."""


class About(dg.Config):
    """What a job is about."""

    model: str = Field(description="The model, or the bundle.")


class Signed(About):
    """What a job is about that writes to a ledger."""

    environment: str = Field(description="The environment, as environments.yaml names it.")
    actor: str = Field(description="Who you are. Dagster does not know: it stands in the ledger as you write it.")
    reason: str = Field(description="Why. It stands in the ledger for good.")
    dry_run: bool = Field(default=False, description="Say what would be done, and write nothing.")


def job(name: str, form: type[dg.Config], act: Act, description: str) -> dg.JobDefinition:
    """A job of one step: its form, and an operation whose result stands in the step's output."""

    def compute(
        context: dg.OpExecutionContext,
        config: dg.Config,
        store: Warehouse,
        toolchain: AscendToolchain,
        project: Project,
    ) -> None:
        model = getattr(config, "model", "")
        if model:
            # A generic job's run is found under its model, and the sensor knows that it will report for itself.
            context.instance.add_run_tags(context.run_id, {history.MODEL_TAG: model})
        with refusals():
            shown = act(context, config, graph.tools(store, toolchain, project))
        context.add_output_metadata(dict(shown))

    compute.__annotations__["config"] = form
    step: dg.OpDefinition = dg.op(
        name=f"{name}_step",
        description=description,
        out=dg.Out(dg.Nothing),
        tags=pods.op_tags_beside("operation"),
    )(compute)

    @dg.job(name=name, description=description, tags={OPERATION_TAG: name, **_ONCE})
    def _job() -> None:
        step()

    return _job


@contextmanager
def refusals() -> Iterator[None]:
    """What an operation refuses, as a failure that is not tried again. Anything else is an accident and passes on."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in _OURS:
            raise
        unmet = [r for r in getattr(error, "unmet", ()) if isinstance(r, Requirement)]
        shown = {"not met": dg.MetadataValue.md(markdown.requirements(unmet))} if unmet else {}
        # The reason is the answer; where in the code it was found is not what a reviewer reads.
        raise dg.Failure(description=str(error), metadata=shown, allow_retries=False) from None


def report(context: dg.OpExecutionContext, tools: Tools, entry: Entry) -> None:
    """Show what was appended: of a move the deployment's materialisation, and the answers of its checks.

    The ledger has the entry already. Where the store fails now, the sensor `deployed` shows it later.
    """
    try:
        if entry.kind in MOVES:
            context.log_event(deployments.materialisation(tools, entry))
        mark, answers = deployments.look(tools, entry.model, entry.environment)
    except StoreError as error:
        context.log.warning("%s stands, but the sensor `deployed` will have to show it: %s", entry, error)
        return
    asset = deployments.key(entry.model, entry.environment)
    for evaluation in deployments.evaluations(asset, mark, answers, None):
        context.log_event(evaluation)  # type: ignore[arg-type] # it takes one; only its annotation does not say so


def entry_shown(entry: Entry, *, dry_run: bool) -> dict[str, Any]:
    """An entry as a job's result."""
    return {
        "result": f"{'would be appended' if dry_run else 'appended'}: {entry}",
        "version": entry.version,
        "ledger entry": entry.sequence,
        "digest": entry.digest,
        "policy": entry.policy_digest,
    }
