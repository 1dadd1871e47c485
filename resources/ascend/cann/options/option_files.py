"""The files that ATC reads options from, in exactly the syntax that it takes.

Every file is named by its content, `<flag>.<first 16 digits of its sha256>.<extension>`: atc keeps its command line in
the `.om`, and so the `.om` names the content that it was compiled with. Names are refused by the options' own types
where they would break a line or a string, so that nothing is quoted here but protobuf strings.
Here belongs the syntax of the files. Not here: their values (`resources/ascend/option_values.py`, `aipp.py`), or the
command line (`command.py`).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from resources.ascend.aipp import DynamicAipp, StaticAipp
from resources.ascend.option_values import CustomDtypes
from resources.ascend.options import CompileOptions
from resources.digests import is_sha256, sha256_bytes

DIGITS = 16
"""Hex digits of the content's sha256 in a file's name."""

_KINDS = ("GraphFusion", "UBFusion")


@dataclass(frozen=True)
class OptionFile:
    """One file for ATC: the flag that names it, its own name in the working folder, and its text."""

    flag: str
    extension: str
    content: str

    @property
    def digest(self) -> str:
        """Sha256 of the content."""
        return sha256_bytes(self.content.encode())

    @property
    def name(self) -> str:
        """The file's name: letters, digits, '_' and '.' alone, which ATC's paths may hold."""
        return f"{self.flag}.{self.digest[:DIGITS]}.{self.extension}"


def digest_in(flag: str, path: str) -> str:
    """The digits that the name of one of our files holds; empty for a file of any other name."""
    found = re.fullmatch(rf"(?:.*/)?{re.escape(flag)}\.([0-9a-f]{{{DIGITS}}})\.[a-z]{{1,8}}", path)
    return found.group(1) if found else ""


def onnx_name(sha256: str) -> str:
    """What an ONNX file is called in atc's working folder. Raises `ValueError` for what is no sha256."""
    if not is_sha256(sha256):
        raise ValueError(f"{sha256[:80]!r} is no sha256 in 64 lower-case hex digits")
    return f"{sha256}.onnx"


def option_files(options: CompileOptions) -> dict[str, OptionFile]:
    """Flag -> file, for the options that are given and that ATC takes from files. Equal options give equal files."""
    return {
        flag: OptionFile(flag, extension, content)
        for flag, extension, write in _WRITERS
        if (content := write(options)) is not None
    }


def _keep_dtype(options: CompileOptions) -> str | None:
    return _lines(options.keep_dtype)


def _modify_mixlist(options: CompileOptions) -> str | None:
    if options.modify_mixlist is None:
        return None
    lists = options.modify_mixlist
    moved = {
        "black-list": {"to-add": lists.black_to_add, "to-remove": lists.black_to_remove},
        "white-list": {"to-add": lists.white_to_add, "to-remove": lists.white_to_remove},
    }
    given = {name: {verb: list(ops) for verb, ops in verbs.items() if ops} for name, verbs in moved.items()}
    listed = {name: verbs for name, verbs in given.items() if verbs}
    return _json(listed) if listed else None


def _op_precision_mode(options: CompileOptions) -> str | None:
    if options.op_precision_mode is None:
        return None
    sections = {"ByOpType": options.op_precision_mode.by_type, "ByNodeName": options.op_precision_mode.by_node}
    blocks = (
        f"[{section}]\n" + "".join(f"{name}={mode}\n" for name, mode in modes.items())
        for section, modes in sections.items()
        if modes
    )
    return "\n".join(blocks)


def _customize_dtypes(options: CompileOptions) -> str | None:
    return _lines(tuple(map(_custom, options.customize_dtypes)))


def _custom(entry: CustomDtypes) -> str:
    # A type is followed by one colon, a node's name by two (ATC's documentation).
    about = f"OpType::{entry.op_type}:" if entry.op_type else f"{entry.node}::"
    return f"{about}InputDtype:{','.join(entry.inputs)},OutputDtype:{','.join(entry.outputs)}"


def _fusion_switches(options: CompileOptions) -> str | None:
    """Lines of single passes where they suffice; JSON where all are meant, or those of one kind."""
    switches = options.fusion_switches
    if not any(name == "ALL" or "." in name for name in switches):
        return _lines(tuple(f"{name}:{state}" for name, state in switches.items()))
    tree: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS}
    # What is said of one kind goes before what is said of both.
    for name, state in sorted(switches.items(), key=lambda item: "." in item[0]):
        kind, dot, own = name.partition(".")
        # A pass without its kind stands in both: ATC passes over a name that is none of that kind.
        for each in (kind,) if dot else _KINDS:
            tree[each][own or name] = state
    return _json({"Switch": {kind: states for kind, states in tree.items() if states}})


def _aipp(options: CompileOptions) -> str | None:
    if not options.aipp:
        return None
    return "".join(f"aipp_op {{\n{''.join(f'    {line}' for line in _fields(op))}}}\n" for op in options.aipp)


_SPREAD = {"input_bias", "output_bias", "mean_chn", "min_chn", "var_reci_chn"}


def _fields(op: StaticAipp | DynamicAipp) -> Iterator[str]:
    """The lines of one `aipp_op`: mode and input first, then what is given, in the model's order."""
    yield f"aipp_mode: {op.aipp_mode}\n"
    for name in type(op).model_fields:
        value = getattr(op, name)
        default = type(op).model_fields[name].default
        if name == "aipp_mode" or value is None or value == default:
            continue
        if name == "matrix":
            yield from (f"matrix_r{r}c{c}: {value[r][c]}\n" for r in range(3) for c in range(3))
        elif name in _SPREAD:
            yield from (f"{name}_{index}: {_plain(each)}\n" for index, each in enumerate(value))
        elif name == "related_input_name":
            # A protobuf string; its type keeps quotes and backslashes out.
            yield f'{name}: "{value}"\n'
        else:
            yield f"{name}: {_plain(value)}\n"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def _lines(entries: tuple[str, ...]) -> str | None:
    return "".join(f"{entry}\n" for entry in entries) or None


def _json(tree: Mapping[str, object]) -> str:
    return json.dumps(tree, indent=2) + "\n"


_WRITERS: tuple[tuple[str, str, Callable[[CompileOptions], str | None]], ...] = (
    ("keep_dtype", "cfg", _keep_dtype),
    ("modify_mixlist", "json", _modify_mixlist),
    ("op_precision_mode", "ini", _op_precision_mode),
    ("customize_dtypes", "cfg", _customize_dtypes),
    ("insert_op_conf", "cfg", _aipp),
    ("fusion_switch_file", "cfg", _fusion_switches),
)
