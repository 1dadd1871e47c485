"""The dossier in Dagster's metadata: a markdown table of verdicts, and small plots as images that carry their data.

Here belongs what is small enough for an event log: 30 KB for a plot. Not here: the page (`render.py`), or the entries
of a check (the Dagster layer).
"""

import re

from ascend_assets.dossier.admission import admissions, standing, statements
from ascend_assets.dossier.charts.precision import Size, precision_curve
from ascend_assets.dossier.charts.svg import data_uri
from ascend_assets.dossier.charts.times import NARROW, heat_map
from ascend_assets.dossier.content import Content
from ascend_assets.dossier.quantities import NOTHING
from ascend_assets.dossier.text import clean
from ascend_assets.dossier.views.head import banner
from ascend_assets.dossier.views.verdicts import LEGEND, groups
from ascend_assets.policy_file import in_force

_SMALL = Size(520, 220, 60)
_MARKS = {"pass": "✓", "fail": "✗", "origin": "◐", "unjudged": "?", "tolerated": NOTHING}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~<>&$])")
_WHY = 240


def summary_markdown(content: Content) -> str:
    """The statement, the origin of the evidence, and every verdict with each environment's limit, as markdown."""
    said = banner(content)
    lines = [
        *(f"**{escaped(s.en)}** {escaped(s.zh)}\n" for s in statements(admissions(content))),
        f"**{said.word.upper()}** {said.word_zh}: {escaped(said.en)}\n",
    ]
    if content.source.dirty:
        lines.append("**Built from uncommitted changes** 由未提交的改动构建\n")
    if content.repair is not None:
        kinds = ", ".join(dict.fromkeys(remedy.kind for remedy in content.repair.remedies))
        lines.append(f"**Repaired** 已修复: {escaped(content.repair.failed)}, by {escaped(kinds)}\n")
    environments = " | ".join(in_force().names)
    lines += [
        f"| criterion | target | value | {environments} | why |",
        f"|---|---|---:|{'---|' * len(in_force().names)}---|",
    ]
    for group in groups(content):
        for row in group.rows:
            cells = " | ".join(f"{_MARKS[cell.standing]} {cell.limit}" for cell in row.cells)
            names = f"| {escaped(row.criterion)} | {escaped(row.target or 'all')} | {escaped(row.value)} "
            lines.append(f"{names}| {cells} | {escaped(clean(row.why, _WHY))} |")
    used = {standing(v, e) for v in content.verdicts for e in in_force().all}
    lines += ["", " · ".join(f"{_MARKS[s]} {LEGEND[s]}" for s in _MARKS if s in used)]
    return "\n".join(lines) + "\n"


def plots(content: Content) -> dict[str, str]:
    """Small plots as markdown images, by a name for the metadata entry: `Ascend310P3 precision`, `Ascend310P3 time`."""
    found = {}
    for target in content.evidence:
        if target.precision:
            comparison = target.precision.comparison
            curve = precision_curve(comparison.layers, first_bad=comparison.first_bad_layer, size=_SMALL)
            found[f"{target.key} precision"] = image("error over layers", curve)
        if target.benchmark:
            found[f"{target.key} time"] = image("time by operator type", heat_map(target.benchmark.profile.ops, NARROW))
    return found


def image(about: str, svg: str) -> str:
    """A drawing as a markdown image."""
    return f"![{escaped(about)}]({data_uri(svg)})"


def escaped(text: object) -> str:
    """Text that markdown shows as it is, on one line: no markup, no link, no new table cell."""
    return (
        _MARKDOWN.sub(r"\\\1", " ".join(clean(text).split()))
        .replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
        .replace("\\&", "&amp;")
    )
