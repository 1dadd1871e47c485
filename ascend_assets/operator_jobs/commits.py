"""The jobs about commits: build one by its own definition, try one again, and fetch what takes longer than a tick.

Not here: following branches (`sensors/commits.py`), or what a candidate is (`ascend_assets/commits`).
"""

import re
from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from ascend_assets import history, models, triggers_file
from ascend_assets.assets.source import FOLDER
from ascend_assets.commits import child, repositories, requests
from ascend_assets.commits.affected import Sources
from ascend_assets.operator_jobs.step import About, job
from ascend_assets.stage import Tools
from resources import git, git_remote
from resources.home import home

FETCH_SECONDS = 1800.0


class NotTriable(Exception):
    """A commit that cannot be tried again. The message says why."""


class OfCommit(About):
    """The form of `candidate_of_commit`."""

    commit: str = Field(description="The commit's full id.")


class Again(About):
    """The form of `retry_commit`."""

    commit: str = Field(description="The commit: its id, or a branch or tag of the project's own repository.")
    reason: str = Field(description="Why it is worth another try.")


class Which(dg.Config):
    """The form of `fetch_commits`."""

    repository: str = Field(description="The repository's name in triggers.yaml.")


def _candidate(context: dg.OpExecutionContext, form: OfCommit, tools: Tools) -> Mapping[str, Any]:  # noqa: ARG001
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", form.commit):
        raise NotTriable(f"commit: {form.commit[:80]!r} is no full id")
    ended = child.build(form.model, form.commit, home().locks, context.log.info)
    if ended.candidate:
        context.instance.add_run_tags(context.run_id, {history.CANDIDATE_TAG: ended.candidate})
    where = f"{ended.version} is in {ended.environment}" if ended.deployed else "nothing was deployed"
    return {
        "result": f"{form.model} at {form.commit[:12]}: {where}",
        "candidate": ended.candidate or "none",
        **({"dossier": dg.MetadataValue.path(ended.dossier)} if ended.dossier else {}),
    }


def _again(context: dg.OpExecutionContext, form: Again, tools: Tools) -> Mapping[str, Any]:
    repo = git.repository(tools.repository)
    if repo is None:
        raise NotTriable(f"{tools.repository} is in no git repository, so there are no commits to try")
    commit = git.resolve(repo, form.commit.strip())
    place = (tools.repository.resolve() / FOLDER).relative_to(repo.resolve()).as_posix()
    loaded, _ = models.load_all(tools.repository / FOLDER)
    found = Sources(repo, place, loaded).one(commit, form.model)
    if found is None:
        raise NotTriable(f"commit {commit[:12]} has no model {form.model[:80]!r} in {place}")
    if found.why:
        raise NotTriable(f"{form.model} at {commit[:12]} cannot be built: {found.why}")
    attempt = requests.next_attempt(context.instance, form.model, commit)
    tags = {requests.RETRY_TAG: commit, requests.ATTEMPT_TAG: str(attempt)}
    context.instance.add_run_tags(context.run_id, tags)
    return {
        "result": f"asked for attempt {attempt}: the sensor `retried_commits` starts it within a minute",
        "commit": commit,
        "attempt": attempt,
        "reason": form.reason,
    }


def _fetch(context: dg.OpExecutionContext, form: Which, tools: Tools) -> Mapping[str, Any]:
    settings = next((each for each in triggers_file.in_force().repositories if each.name == form.repository), None)
    if settings is None:
        raise NotTriable(f"triggers.yaml has no repository {form.repository[:80]!r}")
    repo = git.repository(tools.repository)
    where = repositories.remote_of(repo, settings) if repo else None
    if repo is None or where is None:
        raise NotTriable(f"the project has no remote {form.repository}, or is in no git repository")
    listing = git_remote.listing(repo, where)
    wanted = repositories.to_fetch(repo, settings, listing, before=git_remote.mirrored(repo, settings.name))
    context.log.info("%d branches and tags of %s are fetched", len(wanted), where)
    git_remote.fetch(repo, where, settings.name, wanted, seconds=FETCH_SECONDS)
    return {"result": f"{len(wanted)} branches and tags are here", "repository": str(where)}


CANDIDATE_OF_COMMIT = job(
    requests.OWN_DEFINITION,
    OfCommit,
    _candidate,
    "Build a commit whose defs.yaml is not the loaded one: the command line reads the definition that the commit has.",
)
RETRY_COMMIT = job(
    requests.RETRY,
    Again,
    _again,
    "Try a commit again on purpose, as the next attempt, queued behind the model's other runs.",
)
FETCH_COMMITS = job(
    requests.FETCH,
    Which,
    _fetch,
    "Fetch a repository's branches where that takes longer than a sensor may wait. The sensor asks for it.",
)
