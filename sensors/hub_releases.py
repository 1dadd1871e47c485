"""When a model hub has a newer version of one of our models.

Here belongs asking the hub, a bounded while at each tick, and asking for the run that downloads and builds. Not here:
which version is due and what is remembered (`ascend_assets/hub/`), the download itself (the run's source stage), or the
hub's answers (`resources/hub`). Nothing is downloaded in a tick.

A model is looked at as often as the interval says as long as all of them fit into a tick; otherwise they take turns.
The cursor holds what was asked for; Dagster starts no two runs of one key, so that a lost cursor starts nothing twice.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from ascend_assets import history, triggers
from ascend_assets.gates.wording import listing
from ascend_assets.hub import configuration, releases, settings, watching
from ascend_assets.hub.watching import Asked, Memory, Outcome
from ascend_assets.spec import HubSource, ModelSpec
from resources.hub.client import Hub
from resources.hub.errors import TROUBLES, HubDown, HubError, HubTrouble
from sensors.jobs import Job
from sensors.turns import beginning_with

NAME = "hub_releases"
SECONDS = 1.2
"""A tick begins nothing more after so long, but that it always asks about one model."""
QUESTION_SECONDS = 5.0
"""How long the hub may take over one question."""
RUN_KEY_TAG = "dagster/run_key"
"""Dagster's own tag of a run that a sensor asked for."""

_FILES_CAME = frozenset(
    kind.__name__
    for kind in (
        configuration.ConfigurationError,
        configuration.BadConfiguration,
        configuration.IncompatibleConfiguration,
    )
)
_OVER = frozenset({dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED})


@dataclass
class _Tick:
    """One look at the hub. `said`: what a person reads of it. `runs`: what is asked for."""

    memory: Memory
    hub: Hub
    sources: Mapping[str, HubSource]
    clock: Callable[[], float]
    begin: float
    """Of `time.monotonic()`."""
    runs: list[dg.RunRequest] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def ask(self) -> None:
        """Ask for failed downloads that are due again, then look for newer versions; half open, one of the two."""
        state = self.memory.breaker.state(self.clock())
        if state == "open" or self.memory.trying:
            self.said.append(_waits(self.memory))
            return
        retries = self.memory.retries(self.clock())
        for model in retries[:1] if state == "half_open" else retries:
            self._again(model, trying=state == "half_open")
        if not (state == "half_open" and retries):
            self._look(1 if state == "half_open" else len(self.sources))

    def _again(self, model: str, *, trying: bool) -> None:
        self.memory = self.memory.again(model, self.clock())
        asked = self.memory.models[model].asked
        if asked is not None:
            self.runs.append(_request(model, asked))
            self.said.append(f"{model} {asked.version}: attempt {asked.attempt}")
            if trying:
                self.memory = self.memory.model_copy(update={"trying": watching.key(model, asked)})

    def _look(self, most: int) -> None:
        answered, trouble = False, ""
        order = beginning_with(self.memory.following, self.sources)
        for place, model in enumerate(order):
            if place >= most or (place and time.monotonic() - self.begin > SECONDS):
                self.memory = self.memory.model_copy(update={"following": model})
                break
            try:
                self._look_at(model)
                answered = True
            except HubTrouble as error:
                trouble = f"{model}: {error}"
                if isinstance(error, HubDown):
                    after = order[(place + 1) % len(order)]
                    self.memory = self.memory.model_copy(update={"following": after})
                    break
            except HubError as error:
                self.memory, answered = self.memory.told(model, str(error)), True
        else:
            self.memory = self.memory.model_copy(update={"following": ""})
        self._conclude(trouble, answered=answered)

    def _conclude(self, trouble: str, *, answered: bool) -> None:
        """One strange answer among good ones is that model's; without a good one the hub is in trouble."""
        if trouble and not answered:
            self.memory = self.memory.silent(trouble, self.clock())
            self.said.append(f"the hub is in trouble, {trouble}")
        elif answered:
            self.memory = self.memory.answered()
            self.said.extend([trouble] if trouble else [])

    def _look_at(self, model: str) -> None:
        source, seen = self.sources[model], self.memory.models[model]
        tags = self.hub.tags(source.modelscope)
        found = releases.due((tag.name for tag in tags), source.since, seen.newest)
        self.memory = self.memory.told(model, "")
        if found is None:
            return
        if not self.hub.is_public(source.modelscope):
            self.memory = self.memory.told(model, f"{source.modelscope} is not public: {found.version} is not taken")
            return
        self.memory = self.memory.due(model, found, self.clock())
        asked = self.memory.models[model].asked
        if asked is not None:
            self.runs.append(_request(model, asked))
            passed = f", passing over {listing(list(map(str, found.passed_over)))}" if found.passed_over else ""
            self.said.append(f"{model}: {found.version}{passed}")


def build(jobs: Sequence[Job], specs: Sequence[ModelSpec], hub: triggers.Hub) -> dg.SensorDefinition:
    """The sensor. `jobs`: every model's candidate job; `specs`: all models, of which those of a hub are watched."""
    known = {job.name for job in jobs}
    sources = {
        spec.name: spec.source
        for spec in specs
        if isinstance(spec.source, HubSource) and f"{spec.name}_candidate" in known
    }
    own = [job for job in jobs if job.name.removesuffix("_candidate") in sources]

    @dg.sensor(
        name=NAME,
        description="Builds a candidate of each newer formal version that the model hub has of one of our models.",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=hub.every_seconds,
        jobs=own or None,
    )
    def hub_releases(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """One tick: see how the runs ended that were asked for, ask the hub as the breaker allows, and say what is."""
        if not sources:
            return dg.SensorResult(skip_reason="no model comes from a model hub")
        begin = time.monotonic()
        memory = watching.read(context.cursor).kept({name: source.modelscope for name, source in sources.items()})
        memory = _ended(context.instance, memory, time.time(), begin)
        try:
            tick = _Tick(memory, settings.connected(hub, QUESTION_SECONDS), sources, time.time, begin)
        except HubError as error:
            wrong = f"the hub's address cannot be used ({error}): correct hub.endpoint or MODELSCOPE_ENDPOINT"
            return dg.SensorResult(skip_reason=wrong, cursor=memory.silent(wrong, time.time()).written())
        tick.ask()
        return dg.SensorResult(
            run_requests=tick.runs or None,
            skip_reason=None if tick.runs else _said(tick),
            cursor=tick.memory.written(),
        )

    return hub_releases


def _request(model: str, asked: Asked) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=watching.key(model, asked),
        job_name=f"{model}_candidate",
        run_config={"ops": {f"{model}__source": {"config": {"hub": asked.version}}}},
        tags={history.TRIGGER_TAG: NAME, history.WHY_TAG: f"hub-{asked.version}"},
    )


def _ended(instance: dg.DagsterInstance, memory: Memory, now: float, begin: float) -> Memory:
    """What has become of the runs that were asked for, as far as time allows: what has ended is not looked at again."""
    for model, seen in sorted(memory.models.items()):
        if time.monotonic() - begin > SECONDS / 2:
            break
        if seen.asked is None or seen.asked.again_at is not None:
            continue
        wanted = dg.RunsFilter(tags={RUN_KEY_TAG: watching.key(model, seen.asked)})
        run = next(iter(instance.get_runs(wanted, limit=1)), None)
        if run is not None and run.status in _OVER:
            memory = memory.ended(model, *_outcome(instance, run, f"{model}__source"), now)
        elif run is None and now - seen.asked.at > watching.LOST:
            memory = memory.lost(model, now)
    return memory


def _outcome(instance: dg.DagsterInstance, run: dg.DagsterRun, source: str) -> tuple[Outcome, str]:
    """How a run's download ended, and what it said."""
    if run.status == dg.DagsterRunStatus.CANCELED:
        return "ended", ""
    if run.status == dg.DagsterRunStatus.SUCCESS:
        return "downloaded", ""
    came = False
    for entry in instance.all_logs(
        run.run_id, of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.STEP_SUCCESS}
    ):
        event = entry.dagster_event
        if event is None or event.step_key != source:
            continue
        if event.event_type == dg.DagsterEventType.STEP_SUCCESS:
            came = True
            continue
        for error in _chain(event.step_failure_data.error):
            if error.cls_name in TROUBLES:
                return "trouble", _text(error)
            came = came or error.cls_name in _FILES_CAME
    return ("downloaded" if came else "ended"), ""


def _chain(error: SerializableErrorInfo | None) -> Sequence[SerializableErrorInfo]:
    found: list[SerializableErrorInfo] = []
    while error is not None and len(found) < 10:  # noqa: PLR2004 - no chain of ours is as long
        found.append(error)
        error = error.cause or error.context
    return found


def _text(error: SerializableErrorInfo) -> str:
    """What an exception said, without the name of its class."""
    return error.message.strip().partition(": ")[2] or error.message.strip()


def _waits(memory: Memory) -> str:
    if memory.trying:
        return f"the breaker is half open: {memory.trying} is the one try, and goes on"
    return f"the breaker is open after {memory.breaker.why}"


def _said(tick: _Tick) -> str:
    memory = tick.memory
    told = [f"{name}: {seen.told}" for name, seen in memory.models.items() if seen.told]
    failing = memory.downloads_failed
    failed = [f"{failing.model} {failing.version}: {failing.times} downloads failed, {failing.why}"] if failing else []
    return ". ".join([*tick.said, *failed, *told]) or "the hub has no newer version of any model"
