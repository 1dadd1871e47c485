"""What each remedy does, in one line, in English and in Chinese.

Names come from a file and stand on one line, bounded; so do lists. Here belongs the wording alone. Not here: why a
remedy is taken (`diagnosis/rules`), or the markup around it.
"""
# ruff: noqa: RUF001 - Chinese punctuation is meant

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ascend_assets.remedies import kinds
from ascend_assets.remedies.kinds import Remedy
from resources.onnx_files.structure import shown

Language = Literal["en", "zh"]
Pair = tuple[str, str]

_LISTED = 5
_LONGEST = 60


def said(remedy: Remedy, language: Language) -> str:
    """What the remedy changes, as a person reads it; a weight-changing one says that a person decides."""
    english, chinese = _WORDS[type(remedy)](remedy)
    if remedy.needs_person:
        english, chinese = (
            f"{english} (trained weights change: a person decides)",
            f"{chinese}（会改变训练得到的权重，须由人决定）",
        )
    return english if language == "en" else chinese


def _name(text: str) -> str:
    """A name on one line. Only what is long or cannot be printed is escaped, so that Chinese names stay readable."""
    return text if text.isprintable() and len(text) <= _LONGEST else shown(text)


def _listed(names: Sequence[str]) -> Pair:
    """The first names, and how many more there are."""
    some, rest = [_name(name) for name in names[:_LISTED]], len(names) - _LISTED
    more = (f" and {rest} more", f" 等共 {len(names)} 个") if rest > 0 else ("", "")
    return ", ".join(some) + more[0], "、".join(some) + more[1]


def _figure(value: float) -> str:
    return f"{value:.6g}"


def _shapes(shapes: Mapping[str, Sequence[int]]) -> Pair:
    return _listed([f"{_name(name)} {'x'.join(map(str, dims)) or 'scalar'}" for name, dims in shapes.items()])


def _set_input_shapes(remedy: kinds.SetInputShapes) -> Pair:
    english, chinese = _shapes(remedy.shapes)
    if not remedy.assumed:
        return f"give input shapes: {english}", f"指定输入形状：{chinese}"
    who = _listed(remedy.assumed)
    return (
        f"give input shapes: {english} (nobody states those of {who[0]}: assumed)",
        f"指定输入形状：{chinese}（{who[1]} 的形状无人说明，是假定的）",
    )


def _drop_options(remedy: kinds.DropOptions) -> Pair:
    english, chinese = _listed([f"--{name}" for name in remedy.options])
    return f"leave out {english}, so that ATC's defaults hold", f"去掉 {chinese}，恢复 ATC 的默认值"


def _set_precision_mode(remedy: kinds.SetPrecisionMode) -> Pair:
    name = "precision_mode" if remedy.precision_mode else "precision_mode_v2"
    option = f"--{name}={remedy.precision_mode or remedy.precision_mode_v2}"
    return f"compile the whole model with {option}", f"整个模型使用 {option} 编译"


def _keep_dtype(remedy: kinds.KeepDtype) -> Pair:
    english, chinese = _listed(remedy.nodes)
    return (
        f"keep the original type of {_count(remedy.nodes)}: {english} (--keep_dtype)",
        f"让 {len(remedy.nodes)} 个节点保持原始精度：{chinese}（--keep_dtype）",
    )


def _count(nodes: Sequence[str]) -> str:
    return "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"


def _mix_precision(remedy: kinds.MixPrecision) -> Pair:
    if not remedy.black:
        return "compile with mixed precision", "使用混合精度编译"
    english, chinese = _listed(remedy.black)
    return (
        f"compile with mixed precision, {english} in FP32 (black list of --modify_mixlist)",
        f"使用混合精度编译，{chinese} 保持 FP32（--modify_mixlist 黑名单）",
    )


def _set_op_precision(remedy: kinds.SetOpPrecision) -> Pair:
    modes = {**remedy.modes.by_type, **remedy.modes.by_node}
    english, chinese = _listed([f"{_name(name)}={mode}" for name, mode in modes.items()])
    return f"set how operators compute inside: {english}", f"设置算子内部的计算精度：{chinese}"


def _switch_fusion_off(remedy: kinds.SwitchFusionOff) -> Pair:
    english, chinese = _listed(remedy.passes)
    return f"switch fusion off: {english}", f"关闭融合规则：{chinese}"


def _enable_small_channel(_: Remedy) -> Pair:
    return "compute up to four input channels without padding (--enable_small_channel=1)", (
        "输入通道不超过 4 时不做补齐（--enable_small_channel=1）"
    )


def _choose_soc(remedy: kinds.ChooseSoc) -> Pair:
    return f"compile for {remedy.soc_version}", f"面向 {remedy.soc_version} 编译"


def _convert_opset(remedy: kinds.ConvertOpset) -> Pair:
    return f"convert the model to opset {remedy.to}", f"将模型转换为 opset {remedy.to}"


def _expand_operators(remedy: kinds.ExpandOperators) -> Pair:
    english, chinese = _listed(remedy.operators)
    return f"write out in simpler operators: {english}", f"用更简单的算子展开：{chinese}"


def _drop_domains(remedy: kinds.DropDomains) -> Pair:
    english, chinese = _listed([domain or "ai.onnx" for domain in remedy.domains])
    return f"drop unused domains from opset_import: {english}", f"从 opset_import 中去掉未使用的域：{chinese}"


def _rewrite_einsum(remedy: kinds.RewriteEinsum) -> Pair:
    english, chinese = _listed(remedy.nodes)
    return (
        f"rewrite Einsum as transposes, products and MatMul: {english}",
        f"将 Einsum 改写为转置、乘积和 MatMul：{chinese}",
    )


_RESIZES: Mapping[str, Pair] = {
    "constant_targets": ("fold the sizes of Resize into constants", "将 Resize 的目标尺寸折叠为常量"),
    "fill_inputs": ("give Resize its missing inputs, empty", "为 Resize 补上缺少的输入（空张量）"),
    "repeat": ("repeat pixels instead of Resize, which rounds nowhere", "用重复像素代替 Resize，不再有取整"),
}


def _rewrite_resize(remedy: kinds.RewriteResize) -> Pair:
    names, words = _listed(remedy.nodes), _RESIZES[remedy.how]
    return f"{words[0]}: {names[0]}", f"{words[1]}：{names[1]}"


def _insert_cast(remedy: kinds.InsertCast) -> Pair:
    english, chinese = _listed(remedy.nodes)
    return f"compute in {remedy.to}, with Cast before and behind: {english}", (
        f"前后插入 Cast，以 {remedy.to} 计算：{chinese}"
    )


def _widen_floats(remedy: kinds.WidenFloats) -> Pair:
    return f"make every {remedy.of} tensor float32", f"将所有 {remedy.of} 张量改为 float32"


def _narrow_integers(remedy: kinds.NarrowIntegers) -> Pair:
    english, chinese = _listed(remedy.nodes)
    return f"make int64 tensors int32, where every value fits: {english}", (
        f"在数值都能容纳处将 int64 张量改为 int32：{chinese}"
    )


def _simplify(_: Remedy) -> Pair:
    return "fold constants and remove nodes without effect (onnxslim)", "折叠常量并去掉无作用的节点（onnxslim）"


def _fix_shapes(remedy: kinds.FixShapes) -> Pair:
    english, chinese = _shapes(remedy.shapes)
    return f"write input shapes into the file: {english}", f"将输入形状写入文件：{chinese}"


def _clamp(remedy: Any) -> tuple[Pair, str]:  # noqa: ANN401 - two kinds with the same fields
    return _listed(remedy.tensors), _figure(remedy.bound)


def _clamp_constants(remedy: kinds.ClampConstants) -> Pair:
    names, bound = _clamp(remedy)
    return f"limit constants to +-{bound}: {names[0]}", f"将常量限制在 ±{bound} 内：{names[1]}"


def _clamp_weights(remedy: kinds.ClampWeights) -> Pair:
    names, bound = _clamp(remedy)
    return f"limit weights to +-{bound}: {names[0]}", f"将权重限制在 ±{bound} 内：{names[1]}"


def _raise_epsilon(remedy: kinds.RaiseEpsilon) -> Pair:
    english, chinese = _listed(remedy.nodes)
    return f"raise epsilon to {_figure(remedy.to)}: {english}", f"将 epsilon 提高到 {_figure(remedy.to)}：{chinese}"


def _fuse_normalization(remedy: kinds.FuseNormalization) -> Pair:
    english, chinese = _listed(remedy.nodes)
    return f"write layer normalisation as one operator, from {english} on", (
        f"将展开的层归一化合并为 LayerNormalization 算子，起点：{chinese}"
    )


_PATTERNS: Mapping[str, Pair] = {
    "softmax": (
        "take exponentials within FP16's range, as one operator or after the largest value is taken off",
        "将指数运算保持在 FP16 范围内（合并为单个算子，或先减去最大值）",
    ),
    "sum_of_squares": ("bring values near one before they are squared", "先将数值缩放到 1 附近再求平方和"),
    "scale_first": ("apply a factor before what is too large instead of after", "先乘缩放系数，再做会溢出的运算"),
}


def _reformulate(remedy: kinds.Reformulate) -> Pair:
    names, words = _listed(remedy.nodes), _PATTERNS[remedy.pattern]
    return f"{words[0]}, from {names[0]} on", f"{words[1]}，起点：{names[1]}"


def _scale_weights(remedy: kinds.ScaleWeights) -> Pair:
    english, chinese = _listed(remedy.nodes)
    return f"divide weights by 2^{remedy.power} and multiply behind: {english}", (
        f"将权重除以 2^{remedy.power}，并在其后乘回：{chinese}"
    )


_WORDS: Mapping[type[Remedy], Callable[[Any], Pair]] = {
    kinds.SetInputShapes: _set_input_shapes,
    kinds.DropOptions: _drop_options,
    kinds.SetPrecisionMode: _set_precision_mode,
    kinds.KeepDtype: _keep_dtype,
    kinds.MixPrecision: _mix_precision,
    kinds.SetOpPrecision: _set_op_precision,
    kinds.SwitchFusionOff: _switch_fusion_off,
    kinds.EnableSmallChannel: _enable_small_channel,
    kinds.ChooseSoc: _choose_soc,
    kinds.ConvertOpset: _convert_opset,
    kinds.ExpandOperators: _expand_operators,
    kinds.DropDomains: _drop_domains,
    kinds.RewriteEinsum: _rewrite_einsum,
    kinds.RewriteResize: _rewrite_resize,
    kinds.InsertCast: _insert_cast,
    kinds.WidenFloats: _widen_floats,
    kinds.NarrowIntegers: _narrow_integers,
    kinds.Simplify: _simplify,
    kinds.FixShapes: _fix_shapes,
    kinds.ClampConstants: _clamp_constants,
    kinds.RaiseEpsilon: _raise_epsilon,
    kinds.FuseNormalization: _fuse_normalization,
    kinds.Reformulate: _reformulate,
    kinds.ScaleWeights: _scale_weights,
    kinds.ClampWeights: _clamp_weights,
}
