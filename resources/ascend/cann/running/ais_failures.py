"""Why a model did not run, from what ais_bench, its Python session or the runtime said.

Here belong the runtime's error numbers (aclError: 1xxxxx parameters, 2xxxxx memory, 5xxxxx execution) and ais_bench's
own messages, each as the exception that it stands for. Not here: faults of the environment (`symptoms.py`), which are
asked where nothing here fits.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from resources.ascend.cann.environment.symptoms import explain
from resources.ascend.cann.errors import NoDevice, ToolFailed
from resources.ascend.cann.om.om_identity import rebuild
from resources.ascend.cann.text import clean
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import NotLoadable, ToolchainError
from resources.output import last_lines

if TYPE_CHECKING:
    from resources.ascend.cann.om.om_file import OmFile

_CODE = re.compile(r"(?<![\d.])([125]\d{5})(?![\d.]*\d)")
_INFO = re.compile(r"^\s*\[(?:INFO|DEBUG)\]")
_LOADED = re.compile(r"load model (?=\S)", re.IGNORECASE)
_SUCCESS = re.compile(r"\bsuccess", re.IGNORECASE)
_NOT_LOADED = re.compile(r"load model from \w+ failed|LoadModelFromFile", re.IGNORECASE)
_NOT_OPENED = re.compile(r"(?:acl )?open device (\d+) failed|SetDevice failed", re.IGNORECASE)
_FILE_SIZE = re.compile(r"arg0 tensorsize:\s*(\d+)\s+filesize:\s*(\d+)\s+not match", re.IGNORECASE)
_NO_DUMP = re.compile(r"DatadumpInfoLoad")
"""The runtime's call that tells the device's AI CPU what to dump, before the model is loaded."""
_TENSOR_SIZE = re.compile(
    r"name:(?P<name>\S{1,512}+) in size:(?P<given>\d+) needsize:(?P<wanted>\d+) not match"
    r"|Expected size:\s*(?P<wanted2>\d+), but given input size:\s*(?P<given2>\d+)"
    r"|tensor size mismatches\.\s*expected:\s*(?P<wanted3>\d+), but given\s*(?P<given3>\d+)"
)

_DEVICE = {507033}
_SOC = {507008}
_MEMORY = {207001, 245000, 245002}
_CORE = {
    507014: "an AI core ran longer than it may (507014)",
    507015: "an AI core met an exception (507015): a wrong address or index, or an operator's fault",
    507016: "an AI core met a trap (507016): a wrong instruction, or an operator's fault",
    507017: "an AI CPU operator ran longer than it may (507017)",
    507018: "an AI CPU operator met an exception (507018)",
    507034: "a vector core ran longer than it may (507034)",
    507035: "a vector core met an exception (507035): a wrong address or index, or an operator's fault",
    507036: "a vector core met a trap (507036): a wrong instruction, or an operator's fault",
}
_LOAD = {500002, 545001, 545002, 545003, 545004, 545005}
_EXECUTE = 507011
_SHAPE = {145020: "the format of an input is wrong (145020)", 145021: "the shape of an input is wrong (145021)"}


def failure(
    what: str, log: str, *, om: "OmFile", options: CompileOptions, inputs: Sequence[str] = ()
) -> ToolchainError:
    """The exception that the log stands for; `ToolFailed` with the last lines where nothing in it is known.

    `what`: who failed and how, in words. `inputs`: the model's, in order. Causes come before their consequences: a
    device that cannot be opened, another SoC, memory, a core, sizes, and only then a model that was not loaded.
    """
    soc = options.soc_version or om.soc_version
    printed = clean(log)
    lines = [line for line in printed if not _INFO.match(line)]
    text, codes = "\n".join(lines), {int(code) for line in lines for code in _CODE.findall(line)}
    said = last_lines(text)
    closing = f"; it said:\n{said}" if said else " and said nothing"
    if codes & _DEVICE or _NOT_OPENED.search(text):
        return NoDevice(
            f"{what}: the device cannot be opened (507033): it is busy, not visible here, or driver and firmware do "
            f"not fit; look at `npu-smi info`{closing}"
        )
    if codes & _SOC:
        return NotLoadable(f"{what}: {om.path} is for another SoC (507008); rebuild it: {rebuild(om, soc)}")
    reason = _cause(codes, text, inputs)
    if reason:
        return ToolFailed(f"{what}, running {om.path}: {reason}{closing}", log)
    if codes & _LOAD or _NOT_LOADED.search(text) or (_EXECUTE in codes and not any(map(_loads, printed))):
        number = min(codes & (_LOAD | {_EXECUTE}), default=None)
        return NotLoadable(
            f"{what}: {om.path} cannot be loaded{f' ({number})' if number else ''}: it is damaged, for another SoC, or "
            f"of another CANN version; rebuild it: {rebuild(om, soc)}{closing}"
        )
    if _EXECUTE in codes:
        return ToolFailed(f"{what}: {om.path} was loaded and failed while it ran (507011){closing}", log)
    known = "".join(f"; {symptom.what}: {symptom.remedy}" for symptom in explain(log))
    return ToolFailed(f"{what}, running {om.path}{known}{closing}", log)


def _cause(codes: set[int], text: str, inputs: Sequence[str]) -> str:
    """What went wrong on a device that was opened; empty where that is not known."""
    if codes & _MEMORY:
        number = min(codes & _MEMORY)
        return f"the device has not enough free memory ({number}): free it, or compile a smaller batch"
    if _NO_DUMP.search(text):
        return "the device did not take the request to dump: its AI CPU's software (libaicpu_*.so) does not answer"
    for known in (_CORE, _SHAPE):
        for number in sorted(codes & known.keys()):
            return known[number]
    first = inputs[0] if inputs else "the first one"
    if found := _FILE_SIZE.search(text):
        return f"input {first!r} has {found[2]} bytes where the model takes {found[1]}"
    if found := _TENSOR_SIZE.search(text):
        held = found.groupdict()
        wanted = held["wanted"] or held["wanted2"] or held["wanted3"]
        given = held["given"] or held["given2"] or held["given3"]
        name = held["name"]
        return f"{f'input {name!r}' if name else 'an input'} has {given} bytes where the model takes {wanted}"
    return ""


def _loads(line: str) -> bool:
    """Whether a line says that the model was loaded."""
    found = _LOADED.search(line)
    return found is not None and _SUCCESS.search(line, found.end()) is not None
