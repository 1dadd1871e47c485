"""What the stand-in `atc` tells of an `.om`: `--mode=1` as JSON, `--mode=6` as text."""

import json
from pathlib import Path
from typing import Any

from stand_ins.payload import NotOm, from_om
from stand_ins.tree import say


def show(values: dict[str, str]) -> int:
    """Describe the `.om` that `--om` names. The exit code."""
    om = Path(values.get("om", ""))
    try:
        payload = from_om(om)
    except (NotOm, OSError) as error:
        say("ATC run failed, Please check the detail log, Try 'atc --help' for more information")
        say(f"E10041: Failed to load the model from [{om}]. {error}")
        return 255
    name = om.read_bytes()[84:116].rstrip(b"\0").decode()
    if values.get("mode") == "1":
        Path(values["json"]).write_text(json.dumps(_json(name, payload.meta), indent=1), encoding="utf-8")
    else:
        say("============ Display Model Info start ============")
        say(f"model name[{name}]")
        say("============ Display Model Info end ============")
    say("ATC run success, welcome to the next use.")
    return 0


def _json(name: str, meta: dict[str, Any]) -> dict[str, Any]:
    ops = [
        {
            "name": node["name"],
            "type": node["type"],
            "attr": [{"key": "_datadump_original_op_names", "value": {"list": {"s": [*filter(None, [node["onnx"]])]}}}],
            "input": [f"{source}:0" for source in node["inputs"]],
            "output_desc": [{"attr": []} for _ in node["outputs"]],
        }
        for node in meta["nodes"]
    ]
    attributes = [{"key": "soc_version", "value": {"s": meta["options"]["soc_version"]}}]
    return {"attr": attributes, "graph": [{"name": name, "op": ops}], "name": name, "version": 2}
