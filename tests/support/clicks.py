"""What a person does in Dagster's UI, as the requests that its browser sends: a click on Materialize, on Terminate.

Here belong the requests. Not here: the webserver (`webserver.py`), or what comes of a click.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from webserver import Webserver

_REPOSITORY = "__repository__"
_ASSET_JOB = "__ASSET_JOB"
_LAUNCH = """
mutation ($executionParams: ExecutionParams!) {
  launchPipelineExecution(executionParams: $executionParams) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
_TERMINATE = """
mutation ($runId: String!) {
  terminateRun(runId: $runId) { __typename ... on PythonError { message } ... on TerminateRunFailure { message } }
}
"""
_LOCATIONS = """
query {
  workspaceOrError {
    __typename
    ... on PythonError { message }
    ... on Workspace {
      locationEntries {
        locationOrLoadError { __typename ... on PythonError { message } }
      }
    }
  }
}
"""
_ASSETS = "query { assetNodes { assetKey { path } groupName isExecutable } }"


@dataclass(frozen=True)
class Browser:
    """Somebody's browser, which shows a code location."""

    webserver: Webserver
    location: str

    def sees_all(self) -> bool:
        """Whether every code location is loaded, as the page Deployment shows."""
        found = self.webserver.ask(_LOCATIONS)["workspaceOrError"]["locationEntries"]
        return bool(found) and all(
            (entry["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation" for entry in found
        )

    def materialise(self, *assets: str, **execution: object) -> str:
        """Select assets, `model/stage`, and click on Materialize, which evaluates their checks as well; the run's id.

        `execution`: what stands in the launchpad's `execution.config`.
        """
        selected = [{"path": asset.split("/")} for asset in assets]
        return self._launch({"pipelineName": _ASSET_JOB, "assetSelection": selected}, execution)

    def materialise_group(self, group: str, **execution: object) -> str:
        """Open a group and click on Materialize all; the run's id."""
        return self.materialise(*self.group(group), **execution)

    def launch(self, job: str, **execution: object) -> str:
        """Open a job and launch it; the run's id."""
        return self._launch({"pipelineName": job}, execution)

    def terminate(self, run_id: str) -> None:
        """Click on Terminate in the run's page."""
        answer = self.webserver.ask(_TERMINATE, runId=run_id)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def group(self, name: str) -> Iterable[str]:
        """The assets of a group that can be materialised."""
        nodes = self.webserver.ask(_ASSETS)["assetNodes"]
        return [
            "/".join(node["assetKey"]["path"]) for node in nodes if node["groupName"] == name and node["isExecutable"]
        ]

    def _launch(self, selected: Mapping[str, object], execution: Mapping[str, object]) -> str:
        selector = {"repositoryLocationName": self.location, "repositoryName": _REPOSITORY, **selected}
        form = {"execution": {"config": dict(execution)}} if execution else {}
        params = {"selector": selector, "mode": "default", "runConfigData": form}
        answer = self.webserver.ask(_LAUNCH, executionParams=params)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        run_id: str = answer["run"]["runId"]
        return run_id
