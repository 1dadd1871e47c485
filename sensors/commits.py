"""When a repository has new commits: each becomes a candidate of every model that it concerns.

Here belongs one tick: list the branches, fetch what is new within seconds, and ask for runs. Not here: which commits
concern which models, and what is due of them (`ascend_assets/commits`), or talking to the remote
(`resources/git_remote.py`).

The cursor says how far each branch is handled, and moves only past commits whose runs are asked for in the same tick,
or that it names as waiting for the deployment of their definition. A tick that ends half-way changes nothing, and no
commit gets a second run: its run key, and the tags of the runs that are there, say which it has.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from ascend_assets import history
from ascend_assets.assets.source import FOLDER
from ascend_assets.commits import cursor as cursors
from ascend_assets.commits import refs, repositories, requests
from ascend_assets.commits.affected import Sources
from ascend_assets.commits.cursor import Cursor
from ascend_assets.commits.deploying import look
from ascend_assets.commits.finding import Finding, shortened
from ascend_assets.commits.plan import Decision, Room, Wish, decide
from ascend_assets.operator_jobs.commits import CANDIDATE_OF_COMMIT, FETCH_COMMITS
from ascend_assets.spec import ModelSpec
from ascend_assets.triggers import Repository
from resources import git, git_remote
from resources.configurable import Project
from resources.git_address import Remote, RemoteError
from resources.git_command import GitError
from resources.git_remote import Listing, RemoteTimeout, Tip
from resources.home import in_cluster
from sensors.jobs import Job

_MAX_SAID = 1500


def name_of(repository: Repository) -> str:
    """The sensor's name, which is also what triggered its runs."""
    return f"commits_{repository.name}"


def build(repository: Repository, specs: Sequence[ModelSpec], candidates: Sequence[Job]) -> dg.SensorDefinition:
    """The sensor of one repository. `specs`: the models that are loaded, `candidates` their candidate jobs."""
    loaded = {spec.name: spec for spec in specs}

    @dg.sensor(
        name=name_of(repository),
        description=(
            f"Follows {', '.join(repository.branches) or 'no branch'}"
            f"{' and the tags ' + ', '.join(repository.tags) if repository.tags else ''} of {repository.name}: every "
            "new commit is built for the models that it concerns, behind their other runs."
        ),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=repository.every_seconds,
        jobs=[*candidates, CANDIDATE_OF_COMMIT, FETCH_COMMITS],
    )
    def commits(context: dg.SensorEvaluationContext, project: Project) -> dg.SensorResult:
        """One tick."""
        tick = _Tick(context.instance, repository, cursors.read(context.cursor))
        try:
            tick.look(project.path, loaded)
        except GitError as error:
            tick.trouble(str(error))
        said = ". ".join(dict.fromkeys(tick.told))[:_MAX_SAID]
        if tick.requests and said:
            context.log.info(said)
        return dg.SensorResult(
            run_requests=tick.requests or None,
            skip_reason=None if tick.requests else said or "no branch has a new commit",
            cursor=tick.cursor.model_dump_json(exclude_defaults=True),
        )

    return commits


@dataclass
class _Tick:
    """One look at a repository. `cursor` is moved as it goes; `told`: what a person should read."""

    instance: dg.DagsterInstance
    settings: Repository
    cursor: Cursor
    requests: list[dg.RunRequest] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return name_of(self.settings)

    def trouble(self, why: str) -> None:
        """The repository cannot be used now: told, and kept until it can be."""
        self.cursor = self.cursor.troubled(why, time.time())
        self.told.append(why)

    def look(self, project: Path, loaded: Mapping[str, ModelSpec]) -> None:
        """List, fetch, and ask for what is new. Raises `GitError`."""
        repo = git.repository(project)
        where = repositories.remote_of(repo, self.settings) if repo else None
        if repo is None or where is None:
            self.told.append(_nowhere(project, repo, self.settings))
            return
        listing = git_remote.listing(repo, where)
        if not listing.tips and self.cursor.refs:
            self.trouble(f"{where} says that it has no branch at all; nothing is forgotten until it has one again")
            return
        fine = self._fetched(repo, where, listing)
        if fine:
            self.cursor = self.cursor.model_copy(update={"trouble": None})
        chosen = repositories.followed(self.settings, listing, self.cursor.refs or ())
        self._tell_bounds(listing, chosen.beyond)
        patterns = (*self.settings.branches, *(f"tags/{each}" for each in self.settings.tags))
        self.cursor, told = refs.based(self.cursor, chosen.tips, patterns)
        self.told += [told] if told else []
        place = (project.resolve() / FOLDER).relative_to(repo.resolve()).as_posix()
        self._handle(Sources(repo, place, loaded), chosen.tips)

    def _fetched(self, repo: Path, where: Remote, listing: Listing) -> bool:
        """Bring here what is new; a job does what takes too long. Whether the repository is well."""
        busy = dg.RunsFilter(
            job_name=requests.FETCH, tags={history.TRIGGER_TAG: self.name}, statuses=history.UNFINISHED
        )
        if self.instance.get_runs(busy, limit=1):
            self.told.append(f"a run of {requests.FETCH} goes on")
            return True
        wanted = repositories.to_fetch(repo, self.settings, listing, self.cursor.refs or ())
        try:
            git_remote.fetch(repo, where, self.settings.name, wanted)
        except RemoteTimeout as error:
            self._request_fetch(str(error))
            return True
        except RemoteError as error:
            self.trouble(str(error))
            return False
        return True

    def _request_fetch(self, why: str) -> None:
        number = self.cursor.fetches + 1
        self.cursor = self.cursor.model_copy(update={"fetches": number})
        self.told.append(f"{why}: a run of {requests.FETCH} does it")
        config = {"ops": {f"{requests.FETCH}_step": {"config": {"repository": self.settings.name}}}}
        tags = {history.TRIGGER_TAG: self.name, history.WHY_TAG: "slow_fetch"}
        key = f"fetch:{self.settings.name}:{number}"
        self.requests.append(dg.RunRequest(run_key=key, job_name=requests.FETCH, run_config=config, tags=tags))

    def _tell_bounds(self, listing: Listing, beyond: int) -> None:
        if beyond:
            self.told.append(
                f"{beyond} branches and tags are not followed, for more than {refs.MAX_FOLLOWED} match: narrow "
                f"the patterns of {self.settings.name}"
            )
        if listing.unusable:
            self.told.append(f"{listing.unusable} branches or tags have names that are not followed")

    def _handle(self, sources: Sources, tips: Mapping[str, Tip]) -> None:
        """Find what is new, decide what is due, and ask for it."""
        before = tuple((self.cursor.refs or {}).values())
        found = Finding(self.cursor, sources, tips, (*before, *self.cursor.gone))
        pending = found.pending(self.settings.name)
        self.told += found.told
        self.cursor = refs.forgotten(found.cursor, tips)
        # In a cluster only the image's definitions are built; elsewhere the command line reads the commit's own.
        deploying = look(sources, self.cursor.undeployed) if in_cluster() else None
        self.told += deploying.told if deploying else ()
        concerned = [each.commit for commits in pending.values() for each in commits if each.models]
        concerned += [one.commit for one in deploying.ready] if deploying else []
        waiting = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])) if concerned else ()
        room = Room(
            queued=Counter(run.tags.get(history.MODEL_TAG, "") for run in waiting),
            asked=requests.asked(self.instance, concerned),
        )
        skip = self.settings.superseded == "skip"
        # A tag is a wish to have that commit: no other commit supersedes it, nor does it supersede another.
        decision = decide(pending, self.cursor.begun, room, skip_superseded=skip, deploying=deploying)
        self._take(decision, found.reached)
        if skip:
            self._cancel(waiting, decision.wishes, tips)

    def _take(self, decision: Decision, reached: Mapping[str, str]) -> None:
        for wish in decision.wishes:
            why = "tag" if refs.is_tag(wish.ref) else "commit"
            self.requests.append(
                requests.request(
                    wish.model,
                    wish.commit,
                    ref=wish.ref,
                    same=wish.same,
                    attempt=1,
                    trigger=self.name,
                    why=why,
                )
            )
        handled = {**decision.handled, **reached}
        begun = {ref: one for ref, one in self.cursor.begun.items() if ref not in handled} | dict(decision.begun)
        update = {
            "refs": {**(self.cursor.refs or {}), **handled},
            "begun": begun,
            "waiting": decision.waiting,
            "undeployed": decision.undeployed,
        }
        self.cursor = self.cursor.model_copy(update=update)
        if decision.full:
            self.told.append(
                f"{decision.waiting} candidates wait, for these models' queues are full: {shortened(decision.full)}"
            )
        elif decision.waiting:
            self.told.append(f"{decision.waiting} candidates wait for the next tick")
        if decision.undeployed:
            self.told.append(
                "waits until the code location with its definition is deployed: "
                f"{shortened([f'{one} ({one.ref})' for one in decision.undeployed])}"
            )
        if decision.superseded:
            gone = [f"{model} at {commit[:12]}" for _, commit, model in decision.superseded]
            self.told.append(f"superseded, and not built: {shortened(gone)}")

    def _cancel(self, queued: Sequence[dg.DagsterRun], wishes: Sequence[Wish], tips: Mapping[str, Tip]) -> None:
        """Take runs of superseded commits out of the queue, unless their commit is another branch's last."""
        newest = {(wish.model, requests.tag_of(wish.ref)): wish for wish in wishes if not refs.is_tag(wish.ref)}
        for run in queued:
            wish = newest.get((run.tags.get(history.MODEL_TAG, ""), run.tags.get(history.REF_TAG, "")))
            commit = run.tags.get(history.COMMIT_TAG, "")
            ours = run.tags.get(history.TRIGGER_TAG) == self.name and run.tags.get(history.WHY_TAG) == "commit"
            if wish is None or not ours or commit == wish.commit:
                continue
            if any(tip.commit == commit for ref, tip in tips.items() if ref != wish.ref):
                continue
            now = self.instance.get_run_by_id(run.run_id)
            if now is not None and now.status == dg.DagsterRunStatus.QUEUED:
                self.instance.run_coordinator.cancel_run(run.run_id)
                self.told.append(f"{wish.model} at {commit[:12]} was queued and is superseded: its run is cancelled")


def _nowhere(project: Path, repo: Path | None, settings: Repository) -> str:
    if repo is None:
        return f"{project} is in no git repository, so there are no commits to follow"
    return f"the project has no remote {settings.name!r} and triggers.yaml gives no url for it: nothing to follow"
