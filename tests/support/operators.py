"""A project with one tiny model, environments that take what the emulator finds, and Grace, who may sign."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from keys import Key, make_key
from sandbox import Sandbox
from tiny import write_tiny

from ascend_assets import deployments
from ascend_assets.operations import approve
from resources.registry.approvals import Decision
from resources.registry.ledger import Entry

POLICY = """\
environments:
  - name: dev
    evidence: [measured, emulated]
    may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]
    allows_dirty: true
  - name: staging
    evidence: [measured, emulated]
    may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]
    approvals: {required: 1, signers: signers}
  - name: prod
    evidence: [measured, emulated]
    may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]
    required_checks: [rollout_result]
"""


@dataclass
class Desk:
    """What a reviewer has: Dagster's UI on a project, and a key."""

    sandbox: Sandbox
    grace: Key
    made: int = field(default=0)

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.sandbox.instance

    def release(self) -> dg.ExecuteInProcessResult:
        """Build a candidate with other weights than the last one and carry it to dev."""
        write_tiny(self.sandbox.model, seed=self.made)
        if self.made:
            self.sandbox.commit()
        self.made += 1
        result = self.sandbox.run()
        assert result.success
        return result

    def job(self, name: str, **form: Any) -> dg.ExecuteInProcessResult:
        """Fill in a job's form and launch it."""
        job = self.sandbox.definitions().resolve_job_def(name)
        config = {"ops": {f"{name}_step": {"config": form}}}
        return job.execute_in_process(run_config=config, instance=self.instance, raise_on_error=False)

    def move(self, name: str, environment: str, **form: Any) -> dg.ExecuteInProcessResult:
        own = {"model": "tiny", "environment": environment, "actor": "grace", "reason": "looked at it"}
        return self.job(name, **own | form)

    def sign(self, version: str, environment: str = "staging", *, reject: bool = False) -> Entry:
        """Sign with the command line, that is outside Dagster."""
        return approve.approve(
            self.sandbox.tools(),
            name="tiny",
            version=version,
            environment=environment,
            decision=Decision.REJECT if reject else Decision.APPROVE,
            reason="looked at it",
            key=self.grace.path,
            actor="grace",
        )

    def check(self, environment: str) -> dg.ExecuteInProcessResult:
        """What a click on `Evaluate` does, on all three checks of a deployment."""
        keys = deployments.check_keys("tiny", environment)
        job = dg.define_asset_job("looked", dg.AssetSelection.checks(*keys))
        merged = dg.Definitions.merge(self.sandbox.definitions(), dg.Definitions(jobs=[job]))
        return merged.resolve_job_def("looked").execute_in_process(instance=self.instance)

    def live(self, environment: str) -> Entry | None:
        return self.sandbox.tools().ledger.live(environment, "tiny")


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What a job's step shows as its result."""
    assert result.success, failure(result).description
    (output,) = (e.step_output_data for e in result.all_events if e.event_type_value == "STEP_OUTPUT")
    return {name: value.value for name, value in output.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> Any:
    """What a refused job's step says."""
    (step,) = (e.step_failure_data for e in result.all_events if e.is_step_failure)
    return step.user_failure_data


def answers(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """The evaluations of deployments' checks in a run, by name."""
    found = result.get_asset_check_evaluations()
    return {e.check_name: e for e in found if e.asset_key.path[-1] == "deployment"}


@pytest.fixture
def desk(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    policy = tmp_path / "policy"
    grace = make_key(policy, "grace")
    (policy / "signers").write_text(grace.line("grace@example.org"))
    (policy / "environments.yaml").write_text(POLICY)
    monkeypatch.setenv("ASCEND_ENVIRONMENTS", str(policy / "environments.yaml"))
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    return Desk(sandbox, grace)
