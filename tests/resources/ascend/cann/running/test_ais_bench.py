"""How ais_bench is found, called in each spelling, and what its failures mean."""

import ast
import os
import time
from pathlib import Path

import pytest
from ais_bench_fake import install, om, use
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from om_samples import Tensor

from resources.ascend.cann.errors import NoDevice, ToolFailed
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.running import ais_tools, session_worker
from resources.ascend.cann.running.ais_bench import Request, Tool, arguments, gear_text, staged
from resources.ascend.cann.running.ais_failures import failure
from resources.ascend.cann.running.ais_tools import find_tools
from resources.ascend.cann.running.model_inputs import Setting
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import NotLoadable, ToolchainError

OLD = Tool("ais_bench", ("/usr/bin/python3", "-m", "ais_bench"))
NEW = Tool("msit", ("/usr/bin/msit", "benchmark"), frozenset({"--energy-consumption", "--npu-id"}), "8.0")
STATIC = Setting("static", {"image": (1, 3, 4, 4)})
OPTIONS = CompileOptions(soc_version="Ascend310P3", input_shape={"image": (1, 3, 4, 4)})


def request(**changed: object) -> Request:
    held = {"model": Path("/w/model.om"), "output": Path("/w/output"), "name": "run", "setting": STATIC}
    return Request(**(held | changed))  # type: ignore[arg-type]


def test_the_first_spelling() -> None:
    asked = request(inputs=(Path("/w/in0.npy"), Path("/w/in1.npy")), loops=100, warmup=10)
    assert arguments(OLD, asked) == [
        *("/usr/bin/python3", "-m", "ais_bench", "--model", "/w/model.om", "--device", "0", "--output", "/w/output"),
        *("--output_dirname", "run", "--outfmt", "NPY", "--loop", "100", "--warmup_count", "10"),
        *("--input", "/w/in0.npy,/w/in1.npy"),
    ]


def test_the_second_spelling() -> None:
    assert arguments(NEW, request(device=2, energy_of=4)) == [
        *("/usr/bin/msit", "benchmark", "--om-model", "/w/model.om", "--device", "2", "--output", "/w/output"),
        *("--output-dirname", "run", "--outfmt", "NPY", "--loop", "1", "--warmup-count", "0"),
        *("--energy-consumption", "1", "--npu-id", "4"),
    ]


NEWEST = Tool(
    "ais_bench",
    ("/usr/bin/python3", "-m", "ais_bench"),
    frozenset({
        *("--model", "--output", "--output-dirname", "--output_dirname", "--warmup-count", "--acl-json-path"),
        *("--dymDims", "--outputSize", "--energy-consumption", "--no-energy-consumption", "--npu-id"),
    }),
)  # fmt: skip
"""Its help names `--output_dirname` in a sentence, and does not take it."""


def test_the_newest_spelling() -> None:
    dims = Setting("dymdims", {"x": (1, 6)}, (6,))
    asked = request(setting=dims, output_bytes=(64,), acl_json=Path("/w/acl.json"), energy_of=4)
    assert arguments(NEWEST, asked) == [
        *("/usr/bin/python3", "-m", "ais_bench", "--model", "/w/model.om", "--device", "0", "--output", "/w/output"),
        *("--output-dirname", "run", "--outfmt", "NPY", "--loop", "1", "--warmup-count", "0"),
        *("--dymDims", "x:1,6", "--outputSize", "64", "--acl-json-path", "/w/acl.json"),
        *("--energy-consumption", "--npu-id", "4"),
    ]


def test_a_help_that_is_cut_to_the_terminals_width_is_asked_for_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = use(install(tmp_path / "tools"), monkeypatch)
    (fake.programs / "python3").write_text(
        """#!/bin/sh
case "$*" in
*probe*) echo '{"ais_bench": true, "session": false}' ;;
*) if [ "${COLUMNS:-80}" -lt 200 ]; then echo "--model  --output-dir…  --energy-con…  --npu-id"
   else echo "--model  --output-dirname  --energy-consumption  --no-energy-consumption  --npu-id"; fi ;;
esac
"""
    )
    tool = find_tools(fake.site).require_command()
    assert tool.tells_energy
    assert tool.flag("dirname") == "--output-dirname"


def test_a_dump_is_configured_by_a_file() -> None:
    for tool, flag in ((OLD, "--acl_json_path"), (NEW, "--acl-json-path")):
        argv = arguments(tool, request(acl_json=Path("/w/acl.json")))
        assert argv[argv.index(flag) + 1] == "/w/acl.json"


def test_energy_is_not_asked_of_a_tool_that_does_not_know_it() -> None:
    assert not {"--energy_consumption", "--npu_id"} & set(arguments(OLD, request(energy_of=4)))


@pytest.mark.parametrize(
    ("setting", "old", "new", "text"),
    [
        (Setting("dymbatch", {"x": (8, 3)}, (8,)), "--dymBatch", "--dym-batch", "8"),
        (Setting("dymhw", {"x": (1, 3, 4, 6)}, (4, 6)), "--dymHW", "--dym-hw", "4,6"),
        (Setting("dymdims", {"x": (1, 6), "y.1": (2,)}, (6,)), "--dymDims", "--dym-dims", "x:1,6;y.1:2"),
        (Setting("dymshape", {"x": (1, 6)}), "--dymShape", "--dym-shape", "x:1,6"),
    ],
)
def test_gears_are_told(setting: Setting, old: str, new: str, text: str) -> None:
    for tool, flag in ((OLD, old), (NEW, new)):
        argv = arguments(tool, request(setting=setting, output_bytes=(64, 32)))
        assert argv[argv.index(flag) + 1] == text
        assert argv[-1] == "64,32"


@pytest.mark.parametrize("name", ["a:b", "a;b", "a b", "images[0]", ""])
def test_a_name_that_would_be_misread_is_refused(name: str) -> None:
    with pytest.raises(ToolFailed, match="rename"):
        gear_text(Setting("dymdims", {name: (1,)}))


@pytest.mark.parametrize("path", ["model.om", "/a,b/model.om", "/a b/model.om", "/\u4e2d/model.om", "/a\n/model.om"])
def test_a_path_that_would_be_misread_is_refused(path: str) -> None:
    with pytest.raises(ToolFailed, match="TMPDIR"):
        arguments(OLD, request(model=Path(path)))


def test_a_model_of_ours_is_linked_and_anothers_copied(tmp_path: Path) -> None:
    held, first, second = tmp_path / "5f0c", tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    held.write_bytes(b"IMOD")
    held.chmod(0o644)
    assert staged(held, first).samefile(held)
    held.chmod(0o666)
    copy = staged(held, second)
    assert copy.read_bytes() == b"IMOD"
    assert not copy.samefile(held)
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_link_to_a_model_is_followed(tmp_path: Path) -> None:
    held, link, folder = tmp_path / "5f0c", tmp_path / "link.om", tmp_path / "folder"
    folder.mkdir()
    held.write_bytes(b"IMOD")
    link.symlink_to(held)
    target = staged(link, folder)
    assert not target.is_symlink()
    assert target.read_bytes() == b"IMOD"


def test_both_forms_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = use(install(tmp_path / "tools"), monkeypatch)
    found = find_tools(fake.site)
    python = str(fake.programs / "python3")
    assert found.python == python
    assert found.require_command().prefix == (python, "-m", "ais_bench")
    assert not found.require_command().tells_energy


def test_a_site_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = use(install(tmp_path / "tools"), monkeypatch)
    first = find_tools(fake.site)
    (fake.programs / "python3").unlink()
    assert find_tools(fake.site) == first


@pytest.mark.parametrize("fault", ["no session", "session kills"])
def test_a_session_that_cannot_be_imported_leaves_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    found = find_tools(use(install(tmp_path / "tools", fault=fault), monkeypatch).site)
    assert found.python == ""
    assert found.require_command().kind == "ais_bench"
    assert "cannot import" in found.why_not[0]


def test_msit_is_found_where_no_python_has_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_tools(use(install(tmp_path / "tools", msit=True), monkeypatch).site)
    assert found.require_command().kind == "msit"
    assert found.require_command().tells_energy


@pytest.mark.parametrize("case", ["nothing", "broken", "empty PATH", "hangs"])
def test_without_a_tool_the_message_says_how_to_install_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    fake = use(install(tmp_path / "tools", nothing=case == "nothing", fault="no command"), monkeypatch)
    if case == "empty PATH":
        monkeypatch.setenv("PATH", "/nowhere")
    if case == "hangs":
        monkeypatch.setattr(ais_tools, "PROBE_SECONDS", 0.3)
        (fake.programs / "python3").write_text("#!/bin/sh\n/bin/sleep 60\n")
    with pytest.raises(ToolFailed, match="aclruntime") as caught:
        find_tools(fake.site).require_command()
    if case == "nothing":
        assert "has no ais_bench" in str(caught.value)
    if case == "hangs":
        assert "0.3 s" in str(caught.value)


def test_what_was_missing_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = use(install(tmp_path / "tools", fault="no command"), monkeypatch)
    monkeypatch.setenv("PATH", f"{fake.programs}:/nowhere")
    (fake.programs / "python3").rename(fake.programs / "later")
    assert find_tools(fake.site).command is None
    (fake.programs / "later").rename(fake.programs / "python3")
    fake.fault("")
    assert find_tools(fake.site).command is not None


def test_the_worker_is_a_script_for_any_python_that_cann_uses() -> None:
    tree = ast.parse(Path(session_worker.__file__).read_text(), feature_version=(3, 7))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= {"ctypes", "json", "os", "sys", "traceback", "importlib.util", "numpy"}


@pytest.fixture
def model(tmp_path: Path) -> OmFile:
    return om(tmp_path, (Tensor("image", "float32", (1, 3, 4, 4)),))


@pytest.mark.parametrize(
    ("log", "error", "says"),
    [
        ("[ERROR] acl open device 0 failed", NoDevice, "busy"),
        ("EL003: The argument is invalid.\nopen device 0 failed,runtime result = 507033.[FUNC:R]", NoDevice, "npu-smi"),
        ("SetDevice failed.ret=507033", NoDevice, "507033"),
        ("[ERROR] load model failed, errorCode is 507008", NotLoadable, "another SoC.*--soc_version=Ascend310P3"),
        ("[ERROR] load model from file failed, errorCode is 500002", NotLoadable, r"\(500002\).*atc --framework=5"),
        ("[ERROR] load model from file failed, model file is /w/model.om", NotLoadable, "damaged"),
        ("ret 545001", NotLoadable, "545001"),
        ("errorCode 507011", NotLoadable, "507011"),
        ("[INFO] load model /w/m.om success\n[ERROR] execute ret 507011", ToolFailed, "while it ran"),
        ("malloc failed 207001", ToolFailed, "memory"),
        ("ret = 245000", ToolFailed, "memory"),
        ("execute failed ret=507014", ToolFailed, "longer"),
        ("execute failed ret=507015", ToolFailed, "exception"),
        ("execute failed ret=507018", ToolFailed, "AI CPU"),
        ("execute failed ret=507035", ToolFailed, "vector core met an exception"),
        ("Call rtDatadumpInfoLoad failed, ret:507017\nload model from data failed", ToolFailed, "request to dump"),
        ("207001 then load model from file failed, 500002", ToolFailed, "207001"),
        ("[ERROR] arg0 tensorsize: 196608 filesize: 602112 not match", ToolFailed, "'image' has 602112 bytes"),
        ("[ERROR] Check i:1 name:ids in size:8 needsize:16 not match", ToolFailed, "'ids' has 8 bytes where .* 16"),
        ("mem size out of range! Expected size: 128, but given input size: 2", ToolFailed, "2 bytes where .* 128"),
        ("tensor size mismatches.expected: 768032, but given 32.", ToolFailed, "32 bytes where .* 768032"),
        ("\x1b[31mModuleNotFoundError: No module named 'attr'\x1b[0m", ToolFailed, "pip install attrs"),
        ("", ToolFailed, "said nothing"),
    ],
)
def test_a_failure_has_the_name_of_its_cause(model: OmFile, log: str, error: type[ToolchainError], says: str) -> None:
    found = failure("ais_bench failed", log, om=model, options=OPTIONS, inputs=["image"])
    assert type(found) is error
    with pytest.raises(error, match=f"(?s){says}"):
        raise found


def test_figures_that_look_like_codes_are_not_taken_for_them(model: OmFile) -> None:
    log = "[INFO] throughput: 507033.5\n[INFO] size 207001\nrate 0.507033\nid 15070331\n"
    found = failure("ais_bench failed", log, om=model, options=OPTIONS)
    assert type(found) is ToolFailed
    assert "memory" not in str(found).splitlines()[0]


def test_a_log_that_almost_says_that_a_model_was_loaded_takes_no_longer(model: OmFile) -> None:
    log = "507011 " + "load model x" * 100_000 + "\n" + "name:" * 100_000
    started = time.process_time()
    found = failure("ais_bench failed", log, om=model, options=OPTIONS)
    assert time.process_time() - started < 10
    assert type(found) is NotLoadable


SCRAPS = st.sampled_from([
    "507033", "507011", "500002", "load model from file failed", "acl open device ", " failed", "ret=", "207001",
    "tensorsize: ", "filesize: ", " not match", "9" * 30, "\n", "\x1b[", "[INFO] ", "No module named '", "\ud800",
])  # fmt: skip


@given(st.lists(SCRAPS | st.text(max_size=20), max_size=30).map("".join))
@examples(max_examples=100, deadline=None)
def test_any_log_has_a_name(log: str) -> None:
    command = f"atc --model={'a' * 64}.onnx --framework=5 --output=m --soc_version=Ascend310P3"
    sample = OmFile(Path("/w/m.om"), "m", None, 0, (), {"atc_cmdline": command})  # type: ignore[arg-type]
    found = failure("ais_bench failed", log, om=sample, options=OPTIONS)
    assert isinstance(found, NoDevice | NotLoadable | ToolFailed)
    assert len(str(found)) < 8000


def test_programs_are_found_in_the_order_of_path(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ba"]
    for folder in folders:
        folder.mkdir()
        (folder / "msit").touch(mode=0o755)
    (tmp_path / "link").symlink_to(folders[0])
    path = os.pathsep.join(["relative", "", *map(str, folders), str(folders[0]), str(tmp_path / "link"), "/nowhere"])
    assert ais_tools._programs("msit", path) == [str(folder / "msit") for folder in folders]
