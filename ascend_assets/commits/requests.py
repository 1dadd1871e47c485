"""A candidate of a commit as a request to Dagster: which job, its configuration, its tags and its run key.

Here belongs what every sensor that asks for one must say in the same way. Not here: deciding that it is due.
"""

import re
from collections.abc import Iterable

import dagster as dg
from dagster._core.storage.tags import MAX_RETRIES_TAG

from ascend_assets import history
from resources.digests import sha256_bytes

ATTEMPT_TAG = "ascend/attempt"
"""Tag of a commit's run: the how manieth it is."""
RETRY_TAG = "ascend/retry_of"
"""Tag of a run of `retry_commit`: the commit that is to be tried again."""
OWN_DEFINITION = "candidate_of_commit"
"""The job for a commit whose definition is not the loaded one."""
RETRY = "retry_commit"
FETCH = "fetch_commits"
_LONGEST_TAG = 63


def request(model: str, commit: str, *, ref: str, same: bool, attempt: int, trigger: str, why: str) -> dg.RunRequest:
    """Ask for a candidate. `same`: the model's loaded assets can build it; else a job reads the commit's definition.

    `ref`: the branch or tag that it was seen on; empty for none.
    """
    if same:
        config = {f"{model}__source": {"config": {"commit": commit}}}
    else:
        config = {f"{OWN_DEFINITION}_step": {"config": {"model": model, "commit": commit}}}
    return dg.RunRequest(
        run_key=f"commit:{model}:{commit}:{attempt}",
        job_name=f"{model}_candidate" if same else OWN_DEFINITION,
        run_config={"ops": config},
        tags={
            # A form's job is done once; what a sensor asks for is worth another try after a crash, like any candidate.
            **({} if same else {MAX_RETRIES_TAG: "1"}),
            history.MODEL_TAG: model,
            history.COMMIT_TAG: commit,
            history.TRIGGER_TAG: trigger,
            history.WHY_TAG: why,
            ATTEMPT_TAG: str(attempt),
            **({history.REF_TAG: tag_of(ref)} if ref else {}),
        },
    )


def tag_of(ref: str) -> str:
    """A branch or tag (`heads/feature/x`) as a run's tag: its name, with a digest of it where Dagster takes not all."""
    name = ref.partition("/")[2]
    word = re.sub(r"[^A-Za-z0-9_.-]", "-", name)
    if word == name and len(name) <= _LONGEST_TAG:
        return name
    return f"{word[:50]}-{sha256_bytes(name.encode())[:12]}"


def asked(instance: dg.DagsterInstance, commits: Iterable[str]) -> frozenset[tuple[str, str]]:
    """(commit, model) of which there is a run, however it ended."""
    found: set[tuple[str, str]] = set()
    for commit in dict.fromkeys(commits):  # one by one: Dagster's tables answer that faster than a list
        for run in instance.get_runs(dg.RunsFilter(tags={history.COMMIT_TAG: commit})):
            found.add((commit, run.tags.get(history.MODEL_TAG, "")))
    return frozenset(found)


def next_attempt(instance: dg.DagsterInstance, model: str, commit: str) -> int:
    """The number of the next attempt at a commit: one more than any that was made or asked for."""
    made = dg.RunsFilter(tags={history.MODEL_TAG: model, history.COMMIT_TAG: commit})
    wished = dg.RunsFilter(tags={history.MODEL_TAG: model, RETRY_TAG: commit})
    runs = [*instance.get_runs(made), *instance.get_runs(wished)]
    return 1 + max((attempt_of(run) for run in runs), default=0)


def attempt_of(run: dg.DagsterRun) -> int:
    """The attempt that a run's tag names; 1 where it names none."""
    text = run.tags.get(ATTEMPT_TAG, "")
    return int(text) if re.fullmatch(r"\d{1,6}", text) else 1
