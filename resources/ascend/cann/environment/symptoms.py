"""Faults of the environment that show in what a tool prints, each with what mends it.

Here belong failures that are the machine's and not the model's: a missing driver library, Python packages that CANN
needs, variables of another package, a device that does not open. Not here: a compiler's refusal of a model
(`atc_log.py`), or looking at the machine itself (`ascend_assets/operations/doctor_cann.py`).
"""

import re
from dataclasses import dataclass
from itertools import islice

from resources.ascend.cann.text import clean

MAX_TEXT = 1024 * 1024
"""Characters of a log that are searched: its head and its tail, half each. Faults show at the start or at the end."""
MAX_OF_ONE = 4
"""How often one kind of fault is told, with different details."""


@dataclass(frozen=True)
class Symptom:
    """One fault. `code`: our own short name for it; `what` is wrong; `remedy`: what to do, in one line."""

    code: str
    what: str
    remedy: str


@dataclass(frozen=True)
class _Sign:
    """`pattern` is searched in each line; `what` and `remedy` may name its groups. `unless`: what explains it else."""

    code: str
    pattern: str
    what: str
    remedy: str
    unless: str = ""


def _number(code: str) -> str:
    """An error code of ACL or the runtime: only where the text says that it is one."""
    named = r"\b(?:ret(?:_?code)?|err(?:or)?_?(?:no|code|id)?|result|code)\b"
    return rf"(?i:{named}(?:\W{{1,4}}(?:is|code)\b)*+)\W{{1,4}}(?:{code})(?!\d|\.\d)"


_PACKAGES = {
    "absl": "absl-py",
    "acl": "",
    "aclruntime": "aclruntime",
    "ais_bench": "ais_bench",
    "attr": "attrs",
    "google": "protobuf",
    "ml_dtypes": "ml-dtypes",
    "te": "",
    "tbe": "",
    "yaml": "pyyaml",
}
"""Packages that are not named like their module; empty: CANN's own, which no package index has."""

_BASIC = "Conv2D|Relu|Add|Mul|MatMul(?:V[23])?|BatchMatMul(?:V2)?|MaxPool(?:V[23])?|Pooling|SoftmaxV2|Sigmoid|TransData"

_SIGNS = (
    _Sign(
        "driver-library",
        r"libascend_hal\.so[\w.]*: cannot open shared object file",
        "libascend_hal.so of the NPU driver is not found, and no stub library stands for it",
        "install the NPU driver; to compile only, install the whole toolkit, whose <arch>-linux/devlib has the stub",
    ),
    _Sign(
        "shared-library",
        r"error while loading shared libraries: (?P<name>(?!libascend_hal)[\w.+-]{1,80}): cannot open",
        "the shared library {name} is not found",
        "find what holds it: find / -name {name}; install the package of CANN or of the system that is missing",
    ),
    _Sign(
        "system-too-old",
        r"version [`'](?P<name>GLIBC(?:XX)?_[\d.]{1,12})' not found",
        "the system's C library is older than this CANN needs ({name})",
        "use the operating system that this CANN was made for, or its container image",
    ),
    _Sign(
        "stub-libraries-in-front",
        r"undefined symbol: (?P<name>acl\w{1,60})",
        "the symbol {name} is missing: stub libraries are found before the real ones",
        "take devlib and stub out of LD_LIBRARY_PATH and /etc/ld.so.conf.d, then run: ldconfig",
    ),
    _Sign(
        "numpy-2",
        r"np\.float_\b.{0,40}removed in the NumPy 2|compiled using NumPy 1\.x cannot be run in",
        "CANN's operators need numpy below 2",
        "python3 -m pip install 'numpy<2'",
    ),
    _Sign(
        "python-too-new",
        r"cannot pickle '?FrameLocalsProxy",
        "this CANN does not work with so new a Python",
        "install Python 3.10 and let ASCEND_PYTHON name it: export ASCEND_PYTHON=/usr/bin/python3.10",
    ),
    _Sign(
        "python-version",
        r"\bE40002\b",
        "this CANN does not work with this version of Python",
        "let ASCEND_PYTHON name the folder of a python3 that it supports (3.8 to 3.10 suit most)",
    ),
    _Sign("python-package", r"No module named '?(?P<module>[A-Za-z_]\w{0,60})", "", ""),
    _Sign(
        "python-import",
        r"\b(?:EC0010|E40020|E40000)\b(?!.{0,200}(?:No module named|np\.float_|FrameLocalsProxy)).{0,80}?import"
        r"(?:\s+(?:Python|TBE|modules?)){0,3}\s*+\[?(?P<name>[^\]\n]{1,120})",
        "CANN's own Python code cannot be imported: {name}",
        "see which package is at fault: ascend doctor; then mend it with that Python's pip",
    ),
    _Sign(
        "opp-path",
        r"\bE20002\b|ASCEND_OPP_PATH\]?.{0,60}(?:invalid|not exist|not set|empty)",
        "ASCEND_OPP_PATH does not lead to a toolkit's operators (nnrt's has none that compile)",
        "install the toolkit and let ASCEND_HOME_PATH name it; do not source nnrt's set_env.sh",
    ),
    _Sign(
        "host-environment",
        r"for parameter \[?--host_env_(?:os|cpu)\]? is invalid",
        "atc does not find its operator package, from which it tells this machine's system",
        "install the toolkit whole and let ASCEND_HOME_PATH name the folder in which opp is",
    ),
    _Sign(
        "kernels-missing",
        rf"No supported Ops kernel and engine are found for .{{0,200}}optype:? \[?(?P<name>{_BASIC})\b",
        "not even {name} has a kernel: the operator package of this SoC is not installed",
        "install Ascend-cann-kernels-<soc> (since 8.5 Ascend-cann-<soc>-ops) of the toolkit's very version",
        # Every other store's answer is no reason: a toolkit that has the kernel prints that of tbe-custom too.
        unless=r"is unsupported\. Reason: (?:\[[\w-]{1,40}\]:op type \w{1,80} is not found in this op store\.)*+"
        r"\.?[^\s.]",
    ),
    _Sign(
        "cpp-headers",
        r"fatal error: '(?P<name>[a-z][a-z_]{1,30})' file not found",
        "CANN's operator compiler does not find {name} of the C++ standard library",
        "install g++ of the same version as the newest gcc: ls /usr/lib/gcc/*/ /usr/include/c++",
    ),
    _Sign(
        "version-mismatch",
        _number("500002|507011"),
        "the model did not load or run: often it was compiled by a newer CANN than runs it, or for a newer driver",
        "compile it again with this CANN; compare CANN and driver: ascend doctor",
    ),
    _Sign(
        "soc-mismatch",
        _number("507008"),
        "the model was compiled for another SoC than this device",
        "compile it for the device's own SoC: npu-smi info names it",
    ),
    _Sign(
        "device-memory",
        _number("207001|245000|245002"),
        "the device has too little free memory",
        "see who uses it: npu-smi info; end that, use another device, or compile with a smaller batch",
    ),
    _Sign(
        "device-process",
        r"TsdOpen failed",
        "the device's own service does not start (TsdOpen): it is taken, or driver and CANN do not match",
        "wait until its other user has ended (npu-smi info); if nobody has it: npu-smi set -t reset -i <id> -c <chip>",
    ),
    _Sign(
        "device-not-opened",
        rf"acl open device \d+ failed|device retain error|{_number('507033')}",
        "the device does not open: taken by another, not passed into the container, or not healthy",
        "look at it: npu-smi info; in a container pass /dev/davinci<n>, davinci_manager, devmm_svm and hisi_hdc",
    ),
    _Sign(
        "device-management",
        r"dcmi mod(?:u|e)le? initiali[sz]ed? ?failed|dcmi model initialized failed",
        "the driver's management interface does not start: no access to the device, or another container has it",
        "give this user or container /dev/davinci_manager, devmm_svm, hisi_hdc and /usr/local/dcmi",
    ),
    _Sign(
        "device-permission",
        r"(?P<name>/dev/(?:davinci\w{1,20}|devmm_svm|hisi_hdc))\b.{0,60}[Pp]ermission denied"
        r"|[Pp]ermission denied.{0,60}(?P<other>/dev/(?:davinci\w{1,20}|devmm_svm|hisi_hdc))",
        "this user may not open the device nodes",
        'sudo usermod -aG HwHiAiUser "$USER", then log in anew',
    ),
    _Sign(
        "memory",
        r"available mem(?:ory)?\b.{0,80}less than|Cannot allocate memory|std::bad_alloc|\bMemoryError\b",
        "the machine has too little free memory: atc wants 2 GB and more",
        "free memory, raise the container's limit, or compile fewer models at once",
    ),
    _Sign(
        "disk-full",
        r"No space left on device|\bENOSPC\b|Disk quota exceeded",
        "the disk is full",
        "free space where temporary files go (df -h), or let TMPDIR name another folder",
    ),
)
_COMPILED = tuple((re.compile(sign.pattern), re.compile(sign.unless or r"(?!)"), sign) for sign in _SIGNS)


def explain(log: str) -> tuple[Symptom, ...]:
    """The faults of the environment that `log` shows, each once, the cause before its consequences.

    `log`: what a tool printed, of any length and content, of all generations of CANN. Nothing where there is none.
    """
    text = "\n".join(clean(_ends(log)))
    found: dict[Symptom, None] = {}
    for pattern, unless, sign in _COMPILED:
        told = dict.fromkeys(_symptom(sign, match) for match in islice(pattern.finditer(text), 64))
        if told and unless.search(text):
            continue
        found.update(dict.fromkeys(islice(told, MAX_OF_ONE)))
    return tuple(found)


def _ends(log: str) -> str:
    half = MAX_TEXT // 2
    return log if len(log) <= MAX_TEXT else f"{log[:half]}\n{log[-half:]}"


def _symptom(sign: _Sign, match: re.Match[str]) -> Symptom:
    named = match.groupdict()
    if module := named.get("module"):
        return missing_module(module)
    name = (named.get("name") or "").strip().removesuffix(".")
    return Symptom(sign.code, sign.what.format(name=name), sign.remedy.format(name=name))


def missing_module(module: str) -> Symptom:
    """A Python module that CANN needs and its Python does not have."""
    package = _PACKAGES.get(module, module)
    what = f"the Python that CANN uses has no module {module}"
    if module.startswith("_"):
        remedy = "it is Python's own: that Python is not whole, or not the one meant; let ASCEND_PYTHON name another"
        return Symptom("python-package", what, remedy)
    if package:
        return Symptom("python-package", what, f"python3 -m pip install {package}")
    remedy = "it comes with CANN: let ASCEND_HOME_PATH name the toolkit, or install the toolkit again"
    return Symptom("python-package", f"{what}, which is CANN's own", remedy)
