"""Faults of the machine are found in what tools print, in every generation, and never in a healthy log."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.environment.symptoms import MAX_OF_ONE, Symptom, explain

START = "ATC start working now, please wait for a moment.\n\x1b[1m-...\x1b[0m\r|...\n"
FAILED = f"{START}ATC run failed, Please check the detail log, Try 'atc --help' for more information\n"
TIME = "2026-11-20-14:03:22.120.045"
GENERATIONS = {
    "to 7.0": "{code}: {text}",
    "8": f"{{code}}: [PID: 4711] {TIME} {{text}}",
    "9": f"[PID: 4711] {TIME} Some_Title({{code}}): {{text}}",
}
TAIL = """
        Solution: Check that all required components are properly installed.
        TraceBack (most recent call last):
        Failed to initialize TeFusion.[FUNC:InitializeInner][FILE:tbe_op_store_adapter.cc][LINE:1783]
        GELib::InnerInitialize failed.[FUNC:Initialize][FILE:gelib.cc][LINE:177]
"""

CODED = [
    ("python-package", "EC0010", "Failed to import Python module [ModuleNotFoundError: No module named 'decorator'.]."),
    ("numpy-2", "EC0010", "Failed to import Python module [AttributeError: `np.float_` was removed in the NumPy 2.0]."),
    ("python-import", "EC0010", "Failed to import Python module [SyntaxError: invalid syntax (tbe.py, line 3).]."),
    ("python-import", "E40020", "Failed to import Python module ImportError: cannot import name x."),
    ("python-import", "E40000", "Failed to import te.platform.log_util."),
    ("cpp-headers", "E40021", "Failed to compile Op [Neg_2]. (x.h:24:10: fatal error: 'cstdint' file not found"),
    ("python-version", "E40002", "Python version 3.6 is not supported."),
    (
        "opp-path",
        "E20002",
        "Value [/usr/local/Ascend/nnrt/latest/opp] for environment variable [ASCEND_OPP_PATH] is bad.",
    ),
    ("host-environment", "E10001", "Value [linux] for parameter [--host_env_os] is invalid. Reason: not in []."),
    ("host-environment", "E10001", "Value linux for parameter --host_env_os is invalid."),
    ("kernels-missing", "EZ3003", "No supported Ops kernel and engine are found for [Conv_0], optype [Conv2D]."),
    ("kernels-missing", "EZ3003", "No supported Ops kernel and engine are found for Relu_1, optype: Relu."),
]

UNCODED = [
    (
        "driver-library",
        "/a/atc.bin: error while loading shared libraries: libascend_hal.so: cannot open shared object file: No such",
    ),
    ("shared-library", "atc.bin: error while loading shared libraries: libc_sec.so: cannot open shared object file"),
    ("system-too-old", "atc.bin: /lib/libc.so.6: version `GLIBC_2.34' not found (required by libge.so)"),
    ("stub-libraries-in-front", "ImportError: /a/acl.so: undefined symbol: aclprofSetConfig"),
    ("numpy-2", "A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.1.0 as it may crash."),
    ("python-too-new", "TypeError: cannot pickle 'FrameLocalsProxy' object"),
    ("python-package", "Traceback (most recent call last):\nModuleNotFoundError: No module named 'attr'"),
    ("version-mismatch", "[ERROR] aclmdlLoadFromFile failed, errorCode is 500002"),
    ("version-mismatch", "[ERROR] model execute failed, ret[507011]"),
    ("soc-mismatch", "[ERROR] load model failed, error code is 507008"),
    ("device-memory", "[ERROR] malloc device buffer failed. ret=207001"),
    ("device-process", "E39999 TsdOpen failed. devId=0, tdt error=31[FUNC:PrintfTsdError][FILE:runtime.cc][LINE:2060]"),
    ("device-not-opened", "[ERROR] acl open device 0 failed"),
    ("device-not-opened", "open device 3 failed, runtime result = 507033. [FUNC:ReportCallError]"),
    ("device-not-opened", "SetDevice failed.ret=507033"),
    ("device-not-opened", "rtSetDevice execute failed, reason=[device retain error]"),
    ("device-management", "DrvMngGetConsoleLogLevel failed.\ndcmi module initialize failed. ret is -8005"),
    ("device-management", "dcmi model initialized failed, because the device is used. ret is -8020"),
    ("device-permission", "open device file /dev/davinci0 failed: Permission denied"),
    ("device-permission", "PermissionError: [Errno 13] Permission denied: '/dev/davinci_manager'"),
    ("memory", "terminate called after throwing an instance of 'std::bad_alloc'"),
    ("memory", "OSError: [Errno 12] Cannot allocate memory"),
    ("memory", "The available memory size is 1048576 kB, less than 2097152 kB"),
    ("disk-full", "OSError: [Errno 28] No space left on device: '/home/ada/atc_data/kernel_cache'"),
]

HEALTHY = [
    f"{START}ATC run success, welcome to the next use.\nW11001: Op [Slice_29] does not hit the library.\n",
    f"{FAILED}E10007: [PID: 1] {TIME} [--framework] is required. The value must be [0(Caffe) or 5(Onnx)].\n",
    f"{FAILED}E10001: Value [-1] for parameter [input_2] is invalid. Reason: set input_shape.\n",
    f"{FAILED}E19010: No parser is registered for Op [Conv_52, optype [ai.onnx::11::Convx]].\n",
    f"{FAILED}EZ3003: No supported Ops kernel and engine are found for [AddDsl], optype [AddDsl].\n",
    f"{FAILED}EZ3002: Optype [Conv2DTranspose] of Ops kernel [AIcoreEngine] is unsupported. Reason: dtype.\n",
    f"""{FAILED}EZ3002: Optype [Conv2D] of Ops kernel [AIcoreEngine] is unsupported. Reason: Dynamic shape is not here!.
No supported Ops kernel and engine are found for [Conv_1], optype [Conv2D].
""",
    "sub_model.om of 507008 bytes, 500002 tensors, loss 507011.5, error 507011.5, id 1507033, returned 207001\n",
    "ImportWarning: can't resolve package from __spec__ or __package__, falling back on __name__ and __path__\n",
    "[INFO] acl init success\n[INFO] open device 0 success\n[INFO] load model x.om success\n",
    "",
]


def codes(log: str) -> list[str]:
    return [symptom.code for symptom in explain(log)]


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize(("expected", "code", "text"), CODED)
def test_a_coded_fault_is_found_in_each_generation(generation: str, expected: str, code: str, text: str) -> None:
    line = GENERATIONS[generation].format(code=code, text=text)
    assert codes(f"{FAILED}{line}{TAIL}") == [expected]


@pytest.mark.parametrize(("expected", "text"), UNCODED)
def test_a_fault_without_a_code_is_found(expected: str, text: str) -> None:
    assert codes(f"{START}{text}\n[INFO] end\n") == [expected]


@pytest.mark.parametrize("log", HEALTHY)
def test_a_log_that_is_not_about_the_machine_has_none(log: str) -> None:
    assert explain(log) == ()


def test_every_fault_that_is_known_is_tested() -> None:
    from resources.ascend.cann.environment.symptoms import _SIGNS

    assert {sign.code for sign in _SIGNS} == {case[0] for case in (*CODED, *UNCODED)}


def test_each_says_what_is_wrong_and_what_to_do_in_one_line() -> None:
    for text in [text for *_, text in (*CODED, *UNCODED)] + [f"{case[1]}: {case[2]}" for case in CODED]:
        for symptom in explain(text):
            assert symptom.what
            assert symptom.remedy
            assert not re.search(r"[\n{}]", symptom.what + symptom.remedy)


@pytest.mark.parametrize(
    ("module", "remedy"),
    [
        ("decorator", "python3 -m pip install decorator"),
        ("attr", "python3 -m pip install attrs"),
        ("google.protobuf", "python3 -m pip install protobuf"),
        ("absl", "python3 -m pip install absl-py"),
        ("ml_dtypes", "python3 -m pip install ml-dtypes"),
    ],
)
def test_a_missing_module_is_named_as_pip_names_it(module: str, remedy: str) -> None:
    (symptom,) = explain(f"EC0010: Failed to import Python module [ModuleNotFoundError: No module named '{module}'.].")
    assert symptom.remedy == remedy
    assert module.partition(".")[0] in symptom.what


def test_a_module_that_is_canns_own_is_not_pips() -> None:
    (symptom,) = explain("EC0010: Failed to import Python module [ModuleNotFoundError: No module named 'tbe.common'.].")
    assert "ASCEND_HOME_PATH" in symptom.remedy
    assert "pip" not in symptom.remedy


def test_a_module_of_pythons_own_is_not_pips() -> None:
    (symptom,) = explain("ModuleNotFoundError: No module named '_ctypes'")
    assert "pip" not in symptom.remedy
    assert "ASCEND_PYTHON" in symptom.remedy


def test_what_cannot_be_imported_is_named() -> None:
    assert [s.what.rpartition(": ")[2] for s in explain("E40000: Failed to import te.platform.log_util.")] == [
        "te.platform.log_util"
    ]


def test_a_kernel_that_no_store_has_is_not_installed() -> None:
    log = """EZ3002: Optype [Conv2D] of Ops kernel [AIcore] is unsupported. Reason: [tbe-custom]:op type Conv2D is not \
found in this op store.[tbe-builtin]:op type Conv2D is not found in this op store..
No supported Ops kernel and engine are found for [Conv_1], optype [Conv2D].
"""
    assert codes(log) == ["kernels-missing"]
    assert codes(log.replace("store..", "store.[Dynamic shape check]: data type DT_INT64 is not supported.")) == []


def test_a_fault_that_is_told_often_is_told_once() -> None:
    assert len(explain("SetDevice failed.ret=507033\n" * 1000)) == 1
    many = "".join(f"ModuleNotFoundError: No module named 'm{n}'\n" for n in range(100))
    assert len(explain(many)) == MAX_OF_ONE


def test_the_cause_comes_before_its_consequences() -> None:
    log = "acl open device 0 failed\nTsdOpen failed. devId=0\nopen /dev/davinci0: Permission denied\n"
    assert codes(log) == ["device-process", "device-not-opened", "device-permission"]


def test_a_huge_log_is_searched_at_its_ends_and_in_time() -> None:
    noise = "[INFO] GE(1,atc.bin):2026 [x.cc:1]1 F: text that says nothing ret code is 0\n" * 700_000
    started = time.monotonic()
    assert codes(f"TsdOpen failed\n{noise}") == codes(f"{noise}TsdOpen failed\n") == ["device-process"]
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    "piece", ["a", "ret ", "err code", "err code is ", "EC0010 ", "EC0010 import [", "optype ", "Add", "\x1b["]
)
def test_repetition_does_not_slow_it_down(piece: str) -> None:
    started = time.monotonic()
    explain(piece * (2_000_000 // len(piece)))
    explain(f"No supported Ops kernel and engine are found for {piece * 100_000}")
    explain(f"{piece * (16_000 // len(piece))}\n" * 65)
    assert time.monotonic() - started < 60


VALID = st.sampled_from([text for *_, text in (*CODED, *UNCODED)] + HEALTHY)


@given(st.one_of(st.text(), st.binary().map(lambda data: data.decode("utf-8", "replace")), VALID), VALID, st.data())
def test_any_text_is_explained(text: str, more: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(more)))
    for symptom in explain(more[:at] + text + more[at:]):
        assert isinstance(symptom, Symptom)
        assert symptom.what
        assert symptom.remedy
