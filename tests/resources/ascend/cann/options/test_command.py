"""The command line names everything that a file is compiled from, and is read back from an untrusted file."""

import shlex
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from option_samples import plain_options

from resources.ascend import spelling
from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.options.command import (
    MAX_FLAGS,
    MAX_LENGTH,
    ParsedCommand,
    arguments,
    option_files,
    parse_command_line,
)
from resources.ascend.cann.options.flags import FLAGS, RunOptions
from resources.ascend.options import CompileOptions

DIGEST = "0123456789abcdef" * 4
SMALL = CompileOptions(soc_version="Ascend310P3")


def line(options: CompileOptions, run: RunOptions | None = None) -> str:
    """As atc stores it: its own path, and the arguments joined by single spaces, without any quotes."""
    argv = arguments(options, f"{DIGEST}.onnx", "model", option_files(options), run=run)
    return " ".join(["/usr/local/Ascend/ascend-toolkit/latest/bin/atc.bin", *argv])


class TestOurOwn:
    def test_a_small_one_is_spelt_as_atc_takes_it(self) -> None:
        options = CompileOptions(soc_version="Ascend310P3", input_shape={"x": (1, 3, 8, 8), "scalar": ()})
        assert arguments(options, f"{DIGEST}.onnx", "out/model.om", {}) == [
            "--framework=5",
            f"--model={DIGEST}.onnx",
            "--output=out/model",
            "--soc_version=Ascend310P3",
            "--input_format=NCHW",
            "--input_shape=x:1,3,8,8;scalar:",
        ]

    def test_ranges_stand_in_the_input_shape(self) -> None:
        options = CompileOptions(soc_version="Ascend310P3", input_shape_range={"x": ((1, 10), 3, -1)})
        assert "--input_shape=x:1~10,3,-1" in arguments(options, "m.onnx", "m", {})

    def test_cores_are_spelt_with_a_bar(self) -> None:
        assert "--aicore_num=24|48" in line(SMALL.model_copy(update={"aicore_num": (24, 48)}))
        assert line(SMALL.model_copy(update={"aicore_num": (10,)})).endswith("--aicore_num=10|")

    @settings(max_examples=150, deadline=None)
    @given(plain_options())
    def test_every_option_that_is_no_file_comes_back(self, options: CompileOptions) -> None:
        parsed = parse_command_line(line(options))
        assert parsed.options == options
        assert parsed.onnx_sha256 == DIGEST
        assert not parsed.unknown
        assert not parsed.files

    def test_files_come_back_as_the_digests_of_their_content(self) -> None:
        options = CompileOptions(
            soc_version="Ascend310P3",
            precision_mode="allow_mix_precision",
            keep_dtype=("Pow_458",),
            modify_mixlist={"black_to_add": ["ReduceMeanD"]},
            fusion_switches={"ALL": "off"},
        )
        files = option_files(options)
        parsed = parse_command_line(line(options))
        assert parsed.files == {flag: file.digest[:16] for flag, file in files.items()}
        assert parsed.files.keys() == {"keep_dtype", "modify_mixlist", "fusion_switch_file"}
        assert parsed.options == CompileOptions(soc_version="Ascend310P3", precision_mode="allow_mix_precision")

    def test_another_content_is_another_command(self) -> None:
        one, other = (CompileOptions(soc_version="Ascend310P3", keep_dtype=(name,)) for name in ("a", "b"))
        assert line(one) != line(other)

    def test_what_concerns_the_run_alone_is_told_apart(self) -> None:
        parsed = parse_command_line(line(SMALL, RunOptions(log="error", op_compiler_cache_mode="disable", mode=0)))
        assert parsed.run == {"log": "error", "op_compiler_cache_mode": "disable", "mode": "0"}
        assert parsed.options == SMALL
        assert not parsed.unknown

    @pytest.mark.parametrize("path", ["a b.onnx", "a;b.onnx", "a:b", "-rf", "", "a\nb", "a=b", "$HOME/m"])
    def test_a_path_that_atc_does_not_take_is_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="letters, digits"):
            arguments(SMALL, path, "m", {})
        with pytest.raises(ValueError, match="letters, digits"):
            arguments(SMALL, "m.onnx", path, {})

    def test_chinese_paths_are_taken(self) -> None:
        assert "--model=模型.onnx" in arguments(SMALL, "模型.onnx", "m", {})

    def test_a_missing_and_a_left_over_file_are_refused(self) -> None:
        kept = CompileOptions(soc_version="Ascend310P3", keep_dtype=("a",))
        with pytest.raises(ValueError, match="keep_dtype"):
            arguments(kept, "m.onnx", "m", {})
        with pytest.raises(ValueError, match="keep_dtype"):
            arguments(SMALL, "m.onnx", "m", option_files(kept))

    @settings(max_examples=50, deadline=None)
    @given(plain_options())
    def test_no_flag_is_written_that_the_table_does_not_know(self, options: CompileOptions) -> None:
        for argument in arguments(options, "m.onnx", "m", {}):
            name, _, value = argument.removeprefix("--").partition("=")
            assert FLAGS[name].offered
            assert not FLAGS[name].values or value in FLAGS[name].values


class TestForeign:
    @pytest.mark.parametrize("spelling", ["--soc_version=", "--soc-version=", "-soc_version=", "--soc_version "])
    def test_any_spelling_of_a_flag_is_read(self, spelling: str) -> None:
        parsed = parse_command_line(f"atc --framework=5 {spelling}Ascend310P3 --model=./resnet50.onnx --output=./r")
        assert parsed.options.soc_version == "Ascend310P3"
        assert parsed.onnx_sha256 == ""
        assert (parsed.model, parsed.output) == ("./resnet50.onnx", "./r")

    @pytest.mark.parametrize("value", ['"x:1,3;y:-1,4"', "'x:1,3;y:-1,4'", "x:1,3;y:-1,4", "x:1,3; y:-1,4;"])
    def test_quotes_are_kept_or_lost(self, value: str) -> None:
        parsed = parse_command_line(f"atc --input_shape={value} --soc_version=Ascend310P3")
        assert parsed.options.input_shape == {"x": (1, 3), "y": (-1, 4)}

    def test_the_deprecated_ranges_join_the_shapes(self) -> None:
        parsed = parse_command_line("atc --input_shape=x:1,3 --input_shape_range=y:[1~10,3,-1]")
        assert parsed.options.input_shape == {"x": (1, 3)}
        assert parsed.options.input_shape_range == {"y": ((1, 10), 3, -1)}

    def test_the_last_of_two_counts(self) -> None:
        assert parse_command_line("atc --soc_version=Ascend310 --soc_version=Ascend310P3").options == SMALL

    def test_a_file_of_another_name_has_no_digest(self) -> None:
        parsed = parse_command_line("atc --insert_op_conf=./aipp.cfg --keep_dtype=/x/keep_dtype.0123456789abcdef.cfg")
        assert parsed.files == {"insert_op_conf": "", "keep_dtype": "0123456789abcdef"}

    def test_what_is_no_option_of_ours_is_kept(self) -> None:
        parsed = parse_command_line("atc --framework=3 --weight=w --precision_mode=best --dynamic_batch_size=a,b")
        assert parsed.unknown == {
            "framework": "3",
            "weight": "w",
            "precision_mode": "best",
            "dynamic_batch_size": "a,b",
        }
        assert parsed.options == CompileOptions(soc_version="")

    def test_options_that_exclude_each_other_leave_the_first(self) -> None:
        text = "atc --soc_version=Ascend310P3 --precision_mode=force_fp32 --precision_mode_v2=fp16 --deterministic=1"
        parsed = parse_command_line(text)
        assert parsed.options.precision_mode == "force_fp32"
        assert parsed.options.deterministic
        assert parsed.unknown == {"precision_mode_v2": "fp16"}

    @pytest.mark.parametrize("text", ["", " ", "atc", "--", "- -", "atc.bin -h", "-1 -2"])
    def test_no_command_line_says_nothing(self, text: str) -> None:
        assert parse_command_line(text) == ParsedCommand("", CompileOptions(soc_version=""))

    def test_the_model_may_lie_in_a_folder(self) -> None:
        assert parse_command_line(f"atc --model=/tmp/x/{DIGEST}.onnx").onnx_sha256 == DIGEST

    @pytest.mark.parametrize("name", [f"{DIGEST.upper()}.onnx", f"{DIGEST[1:]}.onnx", f"{DIGEST}.pb", f"{DIGEST}"])
    def test_a_name_that_is_nearly_ours_names_no_digest(self, name: str) -> None:
        assert parse_command_line(f"atc --model={name}").onnx_sha256 == ""


class TestUntrusted:
    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=300))
    def test_any_text_is_read_or_refused_by_name(self, text: str) -> None:
        parse_command_line(text)

    @settings(max_examples=150, deadline=None)
    @given(plain_options(), st.data())
    def test_a_mutated_line_is_read(self, options: CompileOptions, data: st.DataObject) -> None:
        text = line(options)
        place, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 12))
        mutated = text[:place] + data.draw(st.text(max_size=8)) + text[place + length :]
        read = parse_command_line(mutated)
        assert CompileOptions.model_validate(read.options.model_dump()) == read.options

    def test_nothing_of_it_is_evaluated(self) -> None:
        parsed = parse_command_line("atc --dynamic_batch_size=__import__('os').getpid() --aicore_num=1e9")
        assert set(parsed.unknown) == {"dynamic_batch_size", "aicore_num"}

    def test_a_line_without_end_is_refused(self) -> None:
        with pytest.raises(BadOutput, match="characters"):
            parse_command_line("x" * (MAX_LENGTH + 1))
        with pytest.raises(BadOutput, match="options"):
            parse_command_line(" --aa" * (MAX_FLAGS + 1))

    @pytest.mark.parametrize(
        "piece", ["1,", "1;", "x:1;", " -", "-", "=", '"', " --dynamic_dims=" + "1;" * 400, "~", "9" * 50]
    )
    def test_the_longest_lines_are_read_in_bounded_time(self, piece: str) -> None:
        head = "atc --precision_mode=force_fp16 --precision_mode_v2=fp16 --dynamic_dims="
        before = time.perf_counter()
        parse_command_line((head + piece * MAX_LENGTH)[:MAX_LENGTH])
        assert time.perf_counter() - before < 60


def test_the_readable_command_is_the_same_command() -> None:
    options = CompileOptions(soc_version="Ascend310P3", input_shape={"x": (1, 3)}, keep_dtype=("a",), status_check=True)
    command = shlex.join(spelling.command(options, "model.onnx", "model.om"))
    parsed = parse_command_line(" ".join(shlex.split(command)))
    assert parsed.options == options.model_copy(update={"keep_dtype": ()})
    assert "--keep_dtype=<file>" in command
