"""What an environment wants of a release beside its evidence: signatures, time before, a rollout's result, hardware.

Here belongs saying so in one line, in English and Chinese. Not here: whether a release has it, which changes after the
page is written (`gates/admission.py`, `ascend promote --dry-run`).
"""
# ruff: noqa: RUF001 - Chinese punctuation is meant

from collections.abc import Collection, Iterator

from ascend_assets.environments import ROLLOUT_RESULT, Environment


def demands(environment: Environment, before: Environment | None, socs: Collection[str]) -> tuple[str, str]:
    """The line in both languages, empty where nothing is wanted.

    `before`: the environment that a release comes from; `socs`: what the candidate is compiled for.
    """
    said = tuple(_clauses(environment, before, socs))
    if not said:
        return "", ""
    return f"then: {', '.join(en for en, _ in said)}", f"另需：{'、'.join(zh for _, zh in said)}"


def _clauses(environment: Environment, before: Environment | None, socs: Collection[str]) -> Iterator[tuple[str, str]]:
    wanted = environment.hardware.soc_versions
    if wanted and not set(wanted) & set(socs):
        yield f"a target for {' or '.join(wanted)}", f"面向 {'/'.join(wanted)} 的目标"
    if before is not None and environment.soak_hours:
        hours = f"{environment.soak_hours:g} h"
        yield f"{hours} live in {before.name}", f"在 {before.name} 运行 {hours}"
    elif before is not None:
        yield f"live in {before.name}", f"先部署到 {before.name}"
    approvals = environment.approvals
    if approvals.required:
        plural = "s" if approvals.required > 1 else ""
        en, zh = f"{approvals.required} signature{plural}", f"{approvals.required} 人签名"
        yield (en, zh) if approvals.author_may_sign else (f"{en} (not an author's)", f"{zh}（作者除外）")
    if ROLLOUT_RESULT in environment.required_checks:
        yield "a canary or A/B result", "灰度或 A/B 结果"
