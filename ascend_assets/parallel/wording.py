"""Advice on several cards in words, English and Chinese, for a dossier.

Here belong sentences alone. Not here: what they say (`advice.py`).
"""

from ascend_assets.diagnosis.cause import Text
from ascend_assets.parallel.advice import RESERVE, Advice, Layout

_GIB = 1 << 30
_CUTS = 7
_KINDS = {
    "one": ("one card", "单卡"),
    "data": ("data parallelism", "数据并行"),
    "pipeline": ("pipeline parallelism", "流水线并行"),
    "tensor": ("tensor parallelism", "张量并行"),
}


def sentences(advice: Advice) -> tuple[Text, ...]:
    """What to begin with, and why; then what else was looked at, one line each."""
    return (_begin(advice), *(_line(layout) for layout in advice.layouts if layout.cards > 1), _bound())


def _begin(advice: Advice) -> Text:
    whole = advice.layouts[0].memory_bytes
    there, needed = _size(advice.available_bytes), _size(whole)
    best = advice.best
    if best is None:
        most = max(layout.cards for layout in advice.layouts)
        return Text(
            en=f"It needs {needed} and a card has {there}: no layout on up to {most} cards leaves it room. Use a "
            "smaller batch, or a SoC with more memory.",
            zh=f"模型需要 {needed},单卡只有 {there}:{most} 卡以内的任何切分方式都放不下。"
            "请减小 batch,或换用显存更大的 SoC。",
        )
    if best.kind == "one":
        return Text(
            en=f"It needs {needed} of the {there} that a card has, and fits on one: for more throughput run copies of "
            "it, one to a card (data parallelism).",
            zh=f"模型需要 {needed},单卡有 {there},一张卡放得下:需要更高吞吐时每卡各跑一份(数据并行)。",
        )
    name_en, name_zh = _KINDS[best.kind]
    return Text(
        en=f"It needs {needed} and a card has {there} ({RESERVE:.0%} of it usable): begin with {name_en} on "
        f"{best.cards} cards, {_size(best.memory_bytes)} on the fullest.",
        zh=f"模型需要 {needed},单卡只有 {there}(可用 {RESERVE:.0%}):建议先用 {best.cards} 卡{name_zh},"
        f"最满的一张卡占用 {_size(best.memory_bytes)}。",
    )


def _line(layout: Layout) -> Text:
    name_en, name_zh = _KINDS[layout.kind]
    fits_en, fits_zh = ("fits", "放得下") if layout.fits else ("does not fit", "放不下")
    cut_en = f", cut behind {_listed(layout.cuts)}" if layout.cuts else ""
    cut_zh = f",切分点在 {_listed(layout.cuts)} 之后" if layout.cuts else ""
    sent_en = f", at most {_size(layout.sent_bytes)} sent for a batch" if layout.sent_bytes else ""
    sent_zh = f",每个 batch 最多传输 {_size(layout.sent_bytes)}" if layout.sent_bytes else ""
    return Text(
        en=f"{layout.cards} cards, {name_en}: {_size(layout.memory_bytes)} a card, {fits_en}; at least "
        f"{layout.latency_ms:.3g} ms, at most {layout.throughput:,.0f} samples/s{sent_en}{cut_en}.",
        zh=f"{layout.cards} 卡{name_zh}:每卡 {_size(layout.memory_bytes)},{fits_zh};"
        f"时延不低于 {layout.latency_ms:.3g} ms,吞吐不高于 {layout.throughput:,.0f} 样本/秒{sent_zh}{cut_zh}。",
    )


def _bound() -> Text:
    return Text(
        en="Memory of a part is by what its operators move; the time of sending is left out, for no table here has the "
        "speed of the links.",
        zh="各部分显存按算子搬运的数据量估算;卡间传输时间未计入,因为没有可信的链路带宽数据。",
    )


def _listed(names: tuple[str, ...]) -> str:
    more = f" (+{len(names) - _CUTS})" if len(names) > _CUTS else ""
    return ", ".join(names[:_CUTS]) + more


def _size(count: int) -> str:
    return f"{count / _GIB:.3g} GiB"
