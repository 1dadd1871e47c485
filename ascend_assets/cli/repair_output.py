"""What a person reads of a diagnosis or a repair: causes, what was tried, what is to be done.

Here belong words, order and layout, in both languages. Not here: the answer itself (`repair/reporting.py`).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ascend_assets.cli.console import clean, number, say, show, table
from ascend_assets.cli.languages import Language
from ascend_assets.cli.repair_words import WORDS
from ascend_assets.repair import reporting
from ascend_assets.repair.proposals import SURE
from ascend_assets.repair.reporting import Answer

if TYPE_CHECKING:
    from ascend_assets.diagnosis.cause import Cause
    from ascend_assets.remedies.kinds import Remedy
    from ascend_assets.repair.records import Attempt, Figures

_CAUSES, _EVIDENCE, _NODES, _ATTEMPTS = 6, 4, 6, 12
"""How many of each a person reads; `--json` has all. Of a mere risk a sentence will do."""
_IN_FULL = 0.7
"""A confidence from which on a cause behind the first is told with its evidence: others mostly see the same."""


def summary(answer: Answer) -> str:
    """Why the exit code is 1, in a line."""
    what = answer.model or "the log"
    sure = [cause.rule for cause in answer.repair.causes[:3]]
    named = f"causes: {', '.join(sure)}" if sure else "no cause is known"
    return f"{what} is not healthy: {named}; {answer.repair.ended}"


def print_diagnosis(answer: Answer, language: Language) -> None:
    """What is wrong, and what could be done."""
    words = WORDS[language]
    _head(answer, language)
    _causes(answer, language)
    if answer.repair.status == "healthy":
        say(words["healthy"] if answer.model else words["healthy log"])
        return
    _for_person(answer, language)
    if answer.model and any(cause.remedies for cause in answer.repair.causes):
        say(words["repair it"].format(model=answer.model))


def print_repair(answer: Answer, language: Language) -> None:
    """What was wrong, what was tried, what is changed, and how to compile it."""
    words, found = WORDS[language], answer.repair
    _head(answer, language)
    _causes(answer, language)
    _attempts(found.attempts, language)
    _paragraph(f"{words[found.status]}   ({found.seconds:.1f} s) {found.ended}")
    _changes(answer, language)
    _for_person(answer, language)
    if found.status != "not_repaired":
        _to_compile(answer, language)


def _head(answer: Answer, language: Language) -> None:
    words, options = WORDS[language], answer.options
    say()
    if not answer.model:
        return
    say(f"{answer.model}   sha256 {answer.sha256[:12]}")
    shapes = ";".join(f"{name}:{','.join(map(str, dims))}" for name, dims in options.input_shape.items())
    say(f"{options.soc_version}   {options.mode}   {shapes}")
    say(words["emulated"])
    if answer.assumed:
        _paragraph(words["assumed"].format(names=", ".join(answer.assumed)), style="bold yellow")
    say()


def _causes(answer: Answer, language: Language) -> None:
    words, causes = WORDS[language], answer.repair.causes
    if answer.repair.status == "healthy":
        causes = ()
    elif not causes:
        say(words["no cause"])
    for place, cause in enumerate(causes[:_CAUSES], 1):
        _cause(place, cause, language)
    if len(causes) > _CAUSES:
        say(words["more causes"].format(count=len(causes) - _CAUSES))
    if causes:
        say()


def _cause(place: int, cause: "Cause", language: Language) -> None:
    words = WORDS[language]
    _paragraph(f"{place}. {cause.rule}   {cause.confidence:.0%}", style="bold")
    _paragraph(getattr(cause.explanation, language), 3)
    if cause.confidence < (SURE if place == 1 else _IN_FULL):
        return
    for evidence in cause.evidence[:_EVIDENCE]:
        _paragraph(f"[{evidence.seen}] {evidence.says}", 3, style="dim")
    if cause.nodes:
        rest = f" ... ({len(cause.nodes)})" if len(cause.nodes) > _NODES else ""
        _paragraph(f"{words['nodes']}: {', '.join(cause.nodes[:_NODES])}{rest}", 3, style="dim")
    _paragraph(f"{words['advice']}: {getattr(cause.advice, language)}", 3)
    _paragraph(f"{words['source']}: {cause.source}", 3, style="dim")


def _attempts(attempts: tuple["Attempt", ...], language: Language) -> None:
    if not attempts:
        return
    words = WORDS[language]
    # What passed tells most, then what was tried first.
    shown = sorted(sorted(attempts, key=lambda one: (not one.passed, one.number))[:_ATTEMPTS], key=lambda o: o.number)
    table(
        ("#", words["tried"], "FP32", words["latency"], words["outcome"]),
        (
            (
                str(one.number),
                ", ".join(f"{remedy.kind}{_count(remedy)}" for remedy in one.remedies),
                _share(one.figures),
                number(one.figures.latency_ms),
                one.why,
            )
            for one in shown
        ),
        wrap=4,
    )
    if len(attempts) > len(shown):
        say(words["more attempts"].format(count=len(attempts) - len(shown)))
    say()


def _count(remedy: "Remedy") -> str:
    from ascend_assets.repair.search import told

    return told((remedy,)).removeprefix(remedy.kind)


def _changes(answer: Answer, language: Language) -> None:
    found, words = answer.repair, WORDS[language]
    _remedies(words["changed"], found.remedies, language)
    for graph in found.graph:
        say(f"   {graph.op}: {graph.before} -> {graph.after}")
    for option in found.options:
        _paragraph(f"--{option.option}: {option.before or '-'} -> {option.after or '-'}", 3)
    if found.status == "repaired" and found.after is not None:
        was, now = found.before, found.after
        say(f"   {words['error']}: {number(was.error)} -> {number(now.error)}")
        say(f"   {words['latency']}: {number(was.latency_ms)} -> {number(now.latency_ms)}")
        say(f"   FP32: {_share(was)} -> {_share(now)}")
    say()


def _share(figures: "Figures") -> str:
    return "-" if figures.kept_share is None else f"{figures.kept_share:.1%}"


def _for_person(answer: Answer, language: Language) -> None:
    _remedies(WORDS[language]["for person"], answer.repair.for_person, language)


def _remedies(title: str, remedies: Iterable["Remedy"], language: Language) -> None:
    from ascend_assets.remedies.wording import said

    lines = [said(remedy, language) for remedy in remedies]
    if lines:
        _paragraph(title, style="bold")
    for line in lines:
        _paragraph(f"- {line}", 3)


def _to_compile(answer: Answer, language: Language) -> None:
    words = WORDS[language]
    if answer.output:
        say(words["written"].format(path=answer.output))
    elif reporting.edited(answer.repair):
        _paragraph(words["not written"].format(model=answer.model), style="bold yellow")
    say(words["command"])
    _paragraph(" ".join(_quoted(argument) for argument in reporting.command(answer)), 3)
    for file in reporting.option_files(answer.options).values():
        say(words["file"].format(name=file.name))
        for line in file.content.splitlines():
            say(f"   {line}")


def _quoted(argument: str) -> str:
    from shlex import quote

    return quote(argument)


def _paragraph(text: str, indent: int = 0, style: str = "") -> None:
    """Text within the terminal's width, whatever is in it."""
    from rich.padding import Padding
    from rich.text import Text

    show(Padding(Text(clean(" ".join(text.split())), style=style), (0, 0, 0, indent)))
