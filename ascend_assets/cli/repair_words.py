"""The fixed words of a diagnosis and a repair, in both languages.

Here belong the words alone. Not here: where they stand (`repair_output.py`), or what causes and remedies say.
"""

from collections.abc import Mapping

from ascend_assets.cli.languages import Language

WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "emulated": "emulated on this machine's CPU: no NPU was involved",
        "assumed": "ASSUMED: nobody stated all sizes of {names}: give those that you serve, --input-shape or --batch",
        "no cause": "No rule knows the cause: look at the verdicts with ascend preflight.",
        "more causes": "and {count} more: --json has all",
        "nodes": "nodes",
        "advice": "what to do",
        "source": "known from",
        "tried": "tried",
        "latency": "latency, ms",
        "outcome": "outcome",
        "more attempts": "and {count} more: --json has all",
        "healthy": "healthy: every gate admits it, and nothing was changed",
        "healthy log": "The log tells of no failure.",
        "repaired": "repaired",
        "not_repaired": "not repaired",
        "changed": "what is changed",
        "error": "largest relative distance of an output from FP32",
        "for person": "for a person to decide",
        "written": "written: {path}",
        "not written": "NOT WRITTEN: the graph was edited, and without -o the edits are lost: "
        "ascend repair {model} -o FIXED.onnx",
        "command": "to compile it:",
        "file": "{name} holds:",
        "repair it": "to try the remedies: ascend repair {model} -o FIXED.onnx",
    },
    "zh": {
        "emulated": "由本机 CPU 仿真得出,未使用 NPU",
        "assumed": "假定:没有人给出 {names} 的尺寸,请用 --input-shape 或 --batch 给出实际使用的尺寸",
        "no cause": "没有规则能说明原因:请用 ascend preflight 查看各项判定。",
        "more causes": "另有 {count} 条,见 --json",
        "nodes": "节点",
        "advice": "处理办法",
        "source": "依据",
        "tried": "尝试",
        "latency": "时延(毫秒)",
        "outcome": "结果",
        "more attempts": "另有 {count} 次,见 --json",
        "healthy": "健康:所有门禁均通过,未做任何修改",
        "healthy log": "日志中没有失败信息。",
        "repaired": "已修复",
        "not_repaired": "未修复",
        "changed": "修改内容",
        "error": "输出与 FP32 的最大相对欧氏距离",
        "for person": "需要人工决定",
        "written": "已写入:{path}",
        "not written": "未写入:计算图已被修改,不加 -o 则修改会丢失:ascend repair {model} -o FIXED.onnx",
        "command": "编译命令:",
        "file": "{name} 的内容:",
        "repair it": "尝试修复:ascend repair {model} -o FIXED.onnx",
    },
}
"""Language -> name -> words, some with a {field}."""
