"""A diagnosis without a repair: one look at a model, at a compiler's log, or at both.

Here belongs putting evidence together and reporting what it means. Not here: trying a remedy (`loop.py`), or reading a
log (`diagnosis/log.py`).
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ascend_assets.diagnosis import gather
from ascend_assets.diagnosis import log as logs
from ascend_assets.diagnosis.diagnose import diagnose
from ascend_assets.gates import conversion
from ascend_assets.remedies.kinds import AnyRemedy
from ascend_assets.repair.bench import Bench, Outcome
from ascend_assets.repair.figures import figures
from ascend_assets.repair.records import Figures, Repair
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Diagnostic

if TYPE_CHECKING:
    import onnx

ENDED = "nothing was tried: this is a diagnosis"


@dataclass(frozen=True)
class Log:
    """What a real compiler, or the machine that it ran on, said."""

    text: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    environment: tuple[str, ...] = ()

    @classmethod
    def read(cls, data: bytes, model: "onnx.ModelProto | None") -> Self:
        """Any bytes. With a model, nodes have the names that it gives them."""
        text = data.decode("utf-8", errors="replace")
        diagnostics, environment = logs.read(text, model)
        return cls(text, diagnostics, environment)

    def __bool__(self) -> bool:
        """Whether it tells of a failure."""
        return bool(self.environment) or any(not item.code.startswith("W") for item in self.diagnostics)


def look(
    model: "onnx.ModelProto", options: CompileOptions, bench: Bench, log: Log | None = None
) -> tuple[Repair, CompileOptions]:
    """Try a model once; its causes, and the options that it was really compiled with.

    What `log` says stands before what the bench's compiler says of the same model.
    """
    begin = time.monotonic()
    log = log or Log()
    outcome = bench.try_(model, options)
    case = gather.case(
        model,
        outcome.options,
        diagnostics=_united(log.diagnostics, outcome.diagnostics),
        log=log.text or outcome.log,
        verdicts=outcome.verdicts,
        comparison=outcome.comparison,
        profile=outcome.profile,
        open_inputs=outcome.open_inputs,
        environment=log.environment,
    )
    healthy = bool(outcome) and not log
    causes = diagnose(case)
    asking = [one for cause in causes for one in cause.remedies if one.needs_person]
    found = Repair(
        status="healthy" if healthy else "not_repaired",
        causes=causes,
        attempts=(),
        remedies=(),
        for_person=() if healthy else _each_once(asking),
        before=figures(outcome),
        after=figures(outcome) if healthy else None,
        origin=bench.origin,
        ended=ENDED,
        seconds=time.monotonic() - begin,
    )
    return found, outcome.options if _settled(outcome) else options


def read(log: Log, options: CompileOptions) -> Repair:
    """The causes that a log alone names."""
    begin = time.monotonic()
    causes = diagnose(
        gather.case(None, options, diagnostics=log.diagnostics, log=log.text, environment=log.environment)
    )
    return Repair(
        status="not_repaired" if log else "healthy",
        causes=causes,
        attempts=(),
        remedies=(),
        before=Figures(refused=(conversion.NAME,) if log else ()),
        after=None,
        origin="emulated",
        ended=ENDED,
        seconds=time.monotonic() - begin,
    )


def _settled(outcome: Outcome) -> bool:
    return not outcome.open_inputs


def _united(said: tuple[Diagnostic, ...], emulated: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    known = {(item.code, item.nodes) for item in said}
    return (*said, *(item for item in emulated if (item.code, item.nodes) not in known))


def _each_once(remedies: list[AnyRemedy]) -> tuple[AnyRemedy, ...]:
    return tuple(one for number, one in enumerate(remedies) if one not in remedies[:number])
