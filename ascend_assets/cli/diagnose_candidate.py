"""`ascend diagnose CANDIDATE`: why a candidate of this project was refused, from the evidence that its run left.

Here belong finding the run and printing causes. Nothing is compiled or run again. Not here: files without a project
(`diagnose.py`).
"""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from ascend_assets import graph, history, models, refusal
from ascend_assets.cli.console import Refused, Unusable, print_json, say
from ascend_assets.cli.languages import Language
from ascend_assets.cli.session import instance as opened
from ascend_assets.codec import UnreadableRecord
from ascend_assets.diagnosis.cause import Cause
from ascend_assets.diagnosis.diagnose import diagnose as causes_of
from ascend_assets.models import BadModel
from ascend_assets.refusal import Left
from ascend_assets.repair import repairing
from ascend_assets.repair.candidate_case import cases
from ascend_assets.spec import ModelSpec
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.onnx_files import OnnxFileError
from resources.store.objects import StoreError

_LOOKED_AT = 50
_WORDS = {
    "en": {"none": "no rule knows a cause", "do": "Do"},
    "zh": {"none": "没有规则给出原因", "do": "建议"},
}


@dataclass(frozen=True)
class Found:
    """A candidate's run, what it left, and causes by target."""

    spec: ModelSpec
    run: dg.DagsterRun
    left: Left
    causes: dict[str, tuple[Cause, ...]]

    def as_json(self) -> dict[str, Any]:
        """The same form as a file's diagnosis has, as far as it applies."""
        each = [{"target": t, **cause.model_dump(mode="json")} for t, causes in self.causes.items() for cause in causes]
        source = self.left.source
        return {
            "model": self.spec.name,
            "candidate": source.candidate if source else None,
            "run": self.run.run_id,
            "refused": [verdict.model_dump(mode="json") for verdict in self.left.refused],
            "causes": each,
            "attempts": [],
            "repaired": False,
            "remedies": [],
            "options": {},
        }


def diagnose(subject: str, model: str, language: Language, as_json: bool) -> None:  # noqa: FBT001 - as the option
    """Say why a candidate was refused; `subject` is its name, or a model's for the newest of it.

    Raises `Refused` where it was, `Unusable` where nothing is known of it.
    """
    with opened() as instance:
        found = _found(instance, subject, model)
    if as_json:
        print_json(found.as_json())
    else:
        _print(found, language)
    if found.left.refused:
        names = ", ".join(dict.fromkeys(verdict.criterion for verdict in found.left.refused))
        raise Refused(f"{subject} was refused for {names}")


def _found(instance: dg.DagsterInstance, subject: str, model: str) -> Found:
    run = _run(instance, subject, model)
    name = run.tags.get(history.MODEL_TAG, "")
    try:
        spec = models.load(models.DEFS / name)
        store = Warehouse()
        tools = graph.tools(store, AscendToolchain(), Project())
        left = refusal.left_by(instance, spec, tools, store, run.run_id)
        if left.source is None:
            raise Unusable(f"{subject}: its run left nothing: see run {run.run_id} in Dagster's UI")
        found = cases(tools.blobs, spec, left.records, left.verdicts, left.targets)
    except (BadModel, UnreadableRecord, StoreError, OnnxFileError) as error:
        raise Unusable(f"{subject}: {error}") from error
    return Found(spec, run, left, {target: causes_of(case) for target, case in found.items()})


def _run(instance: dg.DagsterInstance, subject: str, model: str) -> dg.DagsterRun:
    """The newest run of a candidate, or the newest of a model that built one."""
    of_model = {history.MODEL_TAG: model} if model else {}
    named = instance.get_runs(dg.RunsFilter(tags={history.CANDIDATE_TAG: subject, **of_model}), limit=_LOOKED_AT)
    names = sorted({run.tags.get(history.MODEL_TAG, "") for run in named})
    if len(names) > 1:
        raise Unusable(f"{subject} is a candidate of {', '.join(names)}: say which with --model")
    if named:
        return named[0]
    known = [folder.name for folder in models.folders(models.DEFS)]
    if subject in known:
        runs = instance.get_runs(dg.RunsFilter(tags={history.MODEL_TAG: subject}), limit=_LOOKED_AT)
        jobs = {f"{subject}_candidate", f"{subject}_retrain", repairing.job_name(subject)}
        found = next((run for run in runs if run.job_name in jobs and history.CANDIDATE_TAG in run.tags), None)
        if found is not None:
            return found
        raise Unusable(f"{subject} has no candidate yet: ascend run {subject}")
    raise Unusable(
        f"{subject} is neither a file, nor a candidate that was built here, nor a model; there are: "
        f"{', '.join(known) or 'none'}"
    )


def _print(found: Found, language: Language) -> None:
    words = _WORDS[language]
    source = found.left.source
    say(f"{found.spec.name} {source.candidate if source else ''}")
    for verdict in found.left.refused:
        say(f"  {verdict.criterion}{f' ({verdict.target})' if verdict.target else ''}: {verdict.why[:300]}")
    for target, causes in found.causes.items():
        say()
        say(target)
        if not causes:
            say(f"  {words['none']}")
        for cause in causes:
            say(f"  {cause.confidence:4.0%}  {getattr(cause.explanation, language)}  [{cause.rule}]")
            for seen in cause.evidence[:3]:
                say(f"        {seen.says}")
            say(f"        {words['do']}: {getattr(cause.advice, language)}")
