"""Candidates to show: complete, refused, failing, measured, huge. All names and figures are fictional.

Evidence is built by hand, verdicts by the real gates.
"""

import math
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from ascend_assets.dossier.compare import compare_with_release
from ascend_assets.dossier.content import Content, TargetEvidence
from ascend_assets.gates import conversion
from ascend_assets.gates.judge_all import judge_candidate
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import (
    BenchmarkRecord,
    Finding,
    LintCount,
    LintRecord,
    OmRecord,
    OnnxRecord,
    PrecisionRecord,
    SourceRecord,
    TaskMetric,
)
from ascend_assets.spec import Evaluation, Input, ModelSpec, OnnxSource, Requirements, Target
from resources.ascend.toolchain import (
    BadLayer,
    Bound,
    Comparison,
    CompileRefused,
    CompileReport,
    Diagnostic,
    ErrorBand,
    Latency,
    LayerComparison,
    Measurement,
    OmInfo,
    OpTime,
    Origin,
    OutputComparison,
    Profile,
    SmallConstant,
    ToolchainIdentity,
)
from resources.digests import sha256_bytes
from resources.onnx_files.signature import Signature, TensorType
from resources.store.blobs import Artefact

LOCK = sha256_bytes(b"lock")
COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
EMULATOR = ToolchainIdentity(name="emulator", version="0.1.0", cann="8.1.RC1", origin="emulated")
CANN = ToolchainIdentity(name="cann", version="0.1.0", cann="8.1.RC1", origin="measured")
MADE = datetime(2026, 11, 20, 14, 3, tzinfo=UTC)

_BLOCK = ("Conv", "Relu", "Conv", "Relu", "Conv", "Add", "Relu")
_BOUNDS: dict[str, Bound] = {"Conv": "cube", "Gemm": "cube", "Add": "memory", "Relu": "vector", "MaxPool": "memory"}


def artefact(name: str, size: int = 1000) -> Artefact:
    return Artefact(sha256=sha256_bytes(name.encode()), size=size, name=name)


def spec(*targets: Target) -> ModelSpec:
    chosen = targets or (
        Target(soc_version="Ascend310P3", batch=8, precision_mode="allow_mix_precision"),
        Target(soc_version="Ascend910B3", batch=16, precision_mode="force_fp16"),
    )
    return ModelSpec(
        name="weld_inspector",
        task="Tell sound welds from faulty ones in X-ray images",
        source=OnnxSource(onnx="model.onnx"),
        inputs=(Input(name="image", shape=("batch", 3, 224, 224)),),
        targets=chosen,
        evaluation=Evaluation(metric="top1", data="evaluation.npz"),
        requirements=Requirements(),
        owners=("team:vision", "li.wei@example.com"),
    )


def nodes(count: int) -> list[tuple[str, str]]:
    """Names and types of a residual network with about `count` nodes."""
    found = [("/conv1/Conv", "Conv"), ("/relu/Relu", "Relu"), ("/maxpool/MaxPool", "MaxPool")]
    block = 0
    while len(found) < count - 3:
        found += [(f"/layer{1 + 4 * len(found) // count}/{block}/{op}_{i}", op) for i, op in enumerate(_BLOCK)]
        block += 1
    pooled = [("/avgpool/GlobalAveragePool", "GlobalAveragePool"), ("/Flatten", "Flatten"), ("/fc/Gemm", "Gemm")]
    return [*found[: max(0, count - 3)], *pooled]


def layers(count: int = 122, *, overflow_at: int | None = None, seed: int = 7) -> tuple[LayerComparison, ...]:
    """Errors that accumulate slowly; from `overflow_at` on they are ruined."""
    chance = random.Random(seed)  # noqa: S311 - figures, not keys
    accumulated, found = 2e-4, []
    for index, (node, op) in enumerate(nodes(count)):
        kept = op in {"GlobalAveragePool", "Flatten"}
        own = 0.0 if op in {"Relu", "Flatten", "MaxPool"} else 2.2e-4 * math.exp(chance.gauss(0, 0.5))
        accumulated = math.hypot(accumulated * (0.82 if op == "Add" else 1.0), own)
        distance, overflow = accumulated, 0
        if overflow_at is not None and index >= overflow_at:
            distance = 0.62 + 0.2 * chance.random() if index > overflow_at + 3 else math.nan
            own = 0.71 if index == overflow_at else own
            overflow = 1284 if index == overflow_at else 96 if index < overflow_at + 4 else 0
        found.append(
            LayerComparison(
                index=index,
                node=node,
                op=op,
                dtype="float32" if kept else "float16",
                cosine_similarity=math.nan if math.isnan(distance) else max(0.0, 1 - distance**2 / 2),
                max_absolute_error=distance * 3,
                relative_euclidean_distance=distance,
                overflow=overflow,
                underflow=int(chance.random() * 40) if op == "Relu" else 0,
                local_error=own,
            )
        )
    return tuple(found)


def comparison(origin: Origin = "emulated", count: int = 122, *, overflow_at: int | None = None) -> Comparison:
    compared = layers(count, overflow_at=overflow_at)
    distance = compared[-1].relative_euclidean_distance
    bad = None
    if overflow_at is not None:
        cause = (
            "1,284 elements are above 65504, the largest FP16 number; in FP32 the largest is 109,508. Keep it in FP32."
        )
        bad = BadLayer(node=compared[overflow_at].node, op=compared[overflow_at].op, cause=cause)
    output = OutputComparison(
        name="logits",
        cosine_similarity=1 - distance**2 / 2,
        max_absolute_error=distance * 9,
        accumulated_relative_error=distance * 0.9,
        relative_euclidean_distance=distance,
        kullback_leibler_divergence=distance**2,
        mean_absolute_error=distance / 3,
        root_mean_square_error=distance / 2,
        max_relative_error=distance * 40,
        mean_relative_error=distance * 1.3,
        non_finite=0,
    )
    constants = (SmallConstant(node="/norm/Add", op="Add", value=1e-5, what="epsilon of a normalisation"),)
    return Comparison(
        origin=origin, layers=compared, outputs=(output,), first_bad_layer=bad, small_constants=constants if bad else ()
    )


def operators(count: int = 122, *, scale: float = 1.0) -> tuple[OpTime, ...]:
    chance = random.Random(11)  # noqa: S311 - figures, not keys
    found = []
    for node, op in nodes(count):
        time = scale * {"Conv": 21.0, "Gemm": 9.0, "Add": 7.5, "MaxPool": 11.0}.get(op, 2.6) * chance.uniform(0.6, 1.7)
        bound: Bound = _BOUNDS.get(op, "overhead")
        if op == "Conv" and chance.random() < 0.2:
            bound = "memory"
        flops = int(time * 4.1e6) if bound == "cube" else int(time * 2e4)
        found.append(OpTime(node=node, op=op, time_us=time, bound=bound, flops=flops, bytes=int(time * 61_000)))
    return tuple(found)


def profile(target: Target, origin: Origin, *, count: int = 122, scale: float = 1.0) -> Profile:
    ops = operators(count, scale=scale)
    p50 = sum(op.time_us for op in ops) / 1000
    spread = 1.0 if origin == "emulated" else 1.06
    return Profile(
        origin=origin,
        soc_version=target.soc_version,
        batch=target.batch,
        latency_ms=Latency(p50=p50, p90=p50 * spread, p99=p50 * spread**2),
        throughput=1000 * target.batch / p50,
        aicore_utilisation=0.78,
        memory_bytes=412 * 2**20,
        memory_available_bytes=21 * 2**30,
        bound="cube",
        error_band=ErrorBand(low=0.74, high=1.38, median_error=0.13, models=11, points=46)
        if origin == "emulated"
        else None,
        ops=ops,
    )


def source(*, dirty: bool = False) -> SourceRecord:
    name = "dirty" if dirty else "git"
    return SourceRecord(
        key=sha256_bytes(b"source"),
        made_from={},
        model="weld_inspector",
        candidate=f"20261120-1403-{name}-1a2b3c4d5e6f",
        commit="" if dirty else COMMIT,
        author="Li Wei <li.wei@example.com>",
        dirty=dirty,
        archive=artefact("source.tar", 183_204),
    )


def onnx(made_from: SourceRecord) -> OnnxRecord:
    return OnnxRecord(
        key=sha256_bytes(b"onnx"),
        made_from={"source": made_from.data_version},
        file=artefact("model.onnx", 102_132_799),
        signature=Signature(
            inputs=(TensorType(name="image", dtype="float32", shape=(-1, 3, 224, 224)),),
            outputs=(TensorType(name="logits", dtype="float32", shape=(-1, 6)),),
        ),
        evaluation=artefact("evaluation.npz", 9_000_000),
    )


def lint(made_from: SourceRecord, model: OnnxRecord, *, findings: tuple[Finding, ...] = ()) -> LintRecord:
    clean = (
        "onnx_checker",
        "operators_registered",
        "dynamic_dims",
        "model_safety",
        "pinned_dependencies",
        "cann_version",
    )
    counts = [LintCount(criterion=name, judged=True, value=0.0, note="none found") for name in clean]
    style = LintCount(criterion="code_style", judged=True, value=float(len(findings)), findings=findings)
    cve = LintCount(criterion="cve_high", judged=False, value=None, note="trivy is not on PATH")
    opset = LintCount(criterion="opset", judged=True, value=17.0)
    return LintRecord(
        key=sha256_bytes(b"lint"),
        made_from={"source": made_from.data_version, "onnx": model.data_version},
        counts=(*counts, opset, style, cve),
    )


def om(
    target: Target, definition: ModelSpec, model: OnnxRecord, checked: LintRecord, by: ToolchainIdentity
) -> OmRecord:
    warning = Diagnostic(
        code="W11001",
        message="Op [/layer4/14/Conv_2] does not hit the high-priority operator information library, which might "
        "result in compromised performance.",
        nodes=("/layer4/14/Conv_2",),
    )
    log = "ATC start working now, please wait for a moment.\n...\nATC run success, welcome to the next use.\n"
    options = target.options(definition.inputs)
    return OmRecord(
        key=sha256_bytes(f"om {target.key}".encode()),
        made_from={"onnx": model.data_version, "lint": checked.data_version},
        target=target.key,
        file=artefact(f"{target.key}.om", 51_300_112),
        info=OmInfo(
            identity=sha256_bytes(target.key.encode()), onnx_sha256=model.file.sha256, options=options, toolchain=by
        ),
        report=CompileReport(warnings=(warning,) if target.key == "Ascend310P3" else (), log=log),
    )


def precision(
    compiled: OmRecord,
    model: OnnxRecord,
    compared: Comparison,
    *,
    drop: float = 0.0011,
    inputs: Literal["evaluation", "random"] = "evaluation",
) -> PrecisionRecord:
    metric = TaskMetric(name="top1", higher_is_better=True, reference=0.9764, device=0.9764 - drop, samples=1800)
    return PrecisionRecord(
        key=sha256_bytes(f"precision {compiled.target}".encode()),
        made_from={"onnx": model.data_version, "om": compiled.data_version},
        target=compiled.target,
        origin=compared.origin,
        toolchain=compiled.info.toolchain,
        comparison=compared,
        task_metric=metric if inputs == "evaluation" else None,
        inputs=inputs,
        samples=64,
    )


def benchmark(compiled: OmRecord, timed: Profile) -> BenchmarkRecord:
    return BenchmarkRecord(
        key=sha256_bytes(f"benchmark {compiled.target}".encode()),
        made_from={"om": compiled.data_version},
        target=compiled.target,
        origin=timed.origin,
        toolchain=compiled.info.toolchain,
        profile=timed,
    )


def complete(
    *,
    by: ToolchainIdentity = EMULATOR,
    dirty: bool = False,
    overflow_at: int | None = None,
    count: int = 122,
    definition: ModelSpec | None = None,
    findings: tuple[Finding, ...] = (),
    inputs: Literal["evaluation", "random"] = "evaluation",
) -> Content:
    """A candidate that walked to the end; with `overflow_at`, its first target overflows there."""
    definition = definition or spec()
    src = source(dirty=dirty)
    model = onnx(src)
    checked = lint(src, model, findings=findings)
    evidence = {}
    for place, target in enumerate(definition.targets):
        compiled = om(target, definition, model, checked, by)
        bad = overflow_at if place == 0 else None
        compared = comparison(by.origin, count, overflow_at=bad)
        precise = precision(compiled, model, compared, drop=0.0644 if bad else 0.0011, inputs=inputs)
        timed = benchmark(compiled, profile(target, by.origin, count=count, scale=1.0 / (1 + 2.4 * place)))
        evidence[target.key] = (compiled, precise, timed)
    verdicts = judge_candidate(definition, src, model, checked, evidence, {}, lock=LOCK)
    return Content(
        spec=definition,
        source=src,
        created_at=MADE,
        verdicts=verdicts,
        onnx=model,
        lint=checked,
        targets=tuple(TargetEvidence(k, o, p, b) for k, (o, p, b) in evidence.items()),
        toolchain=by,
        provenance={"Pipeline": "0.1.0", "requirements.lock": LOCK},
    )


def refused() -> Content:
    """ATC took the first target and refused the second; nothing ran after that."""
    whole = complete()
    first, second = whole.targets
    diagnostics = (
        Diagnostic(
            code="E19010",
            message="No parser is registered for Op [/head/GridSample, optype [ai.onnx::20::GridSample]].",
            nodes=("/head/GridSample", *(f"/head/GridSample_{i}" for i in range(1, 19))),
            solution="Export the model again with opset 18 or lower.",
        ),
        Diagnostic(
            code="EZ3003",
            message="No supported Ops kernel and engine are found for [/head/NonZero], optype [NonZero].",
            nodes=("/head/NonZero",),
            cause="The operator is not implemented on this SoC.",
        ),
    )
    log = "ATC start working now, please wait for a moment.\nATC run failed, Please check the detail log\n" + "\n".join(
        f"{d.code}: {d.message}" for d in diagnostics
    )
    refusal = CompileRefused(diagnostics, log)
    subject = whole.onnx.file.sha256 if whole.onnx else ""
    verdict = conversion.refused(refusal, toolchain=EMULATOR, subject=subject, target=second.key)
    early = tuple(
        v for v in whole.verdicts if not v.target and v.criterion not in {"chain", "provenance", "clean_tree"}
    )
    passed = tuple(v for v in whole.verdicts if v.target == first.key and v.criterion == "conversion_errors")
    return replace(
        whole,
        verdicts=(*early, *passed, verdict),
        targets=(
            TargetEvidence(first.key, om=first.om),
            TargetEvidence(second.key, refusals=diagnostics, log=log),
        ),
    )


def overflowing() -> Content:
    """A candidate whose first target overflows in the middle, from uncommitted changes, with findings."""
    findings = (Finding(code="F401", where="train.py:3", message="`os` imported but unused"),)
    return complete(overflow_at=61, dirty=True, findings=findings)


def measured() -> Content:
    """A candidate measured on NPUs, compared with its last release."""
    return compared_with_release(complete(by=CANN))


def taken(count: int = 100, *, slow_at: int = 57, scale: float = 1.0) -> Measurement:
    """How a benchmark was taken: runs that jitter, one that somebody disturbed, and words from outside."""
    chance = random.Random(5)  # noqa: S311 - figures, not keys
    runs = [scale * (1.35 + 0.05 * chance.random() + 0.04 * math.exp(-place / 8)) for place in range(count)]
    if count > slow_at:
        runs[slow_at] *= 1.4
    return Measurement(
        runs_ms=tuple(runs),
        warmup=10,
        device="NPU 3 chip 0 (Ascend310P3)",
        tools=("msit benchmark", "msprof of CANN 8.1.RC1", "driver 24.1.0", "firmware 7.5.0.5.220"),
        energy_j=7.4,
        advice=("AICPU: 1 operator on the AI CPU: cast its inputs to float16 before the model",),
        notes=(
            "under the profiler a run took 1.52 ms",
            "this card changes its clock: core times, and the utilisation from them, are a reference only",
        ),
    )


def on_device(how: Measurement | None = None) -> Content:
    """A candidate measured on NPUs, with every run, an operator on the AI CPU, and one whose work is not known."""
    whole = complete(by=CANN)
    evidence = []
    for target in whole.targets:
        assert target.benchmark is not None
        timed = target.benchmark.profile
        kept = how or taken(scale=timed.latency_ms.p50 / 1.4)
        ops = [op.model_copy(update={"core": "AI_CORE", "flops": 0}) for op in timed.ops]
        ops[5] = ops[5].model_copy(update={"core": "AI_CPU", "time_us": 90.0, "bound": "overhead", "bytes": 0})
        ops[0] = ops[0].model_copy(update={"core": "AI_CORE", "flops": 118_013_952})
        runs = sorted(kept.runs_ms) or [math.nan]
        latency = Latency(p50=runs[len(runs) // 2], p90=runs[len(runs) * 9 // 10], p99=runs[len(runs) * 99 // 100])
        timed = timed.model_copy(update={"measurement": kept, "ops": tuple(ops), "latency_ms": latency})
        benchmarked = target.benchmark.model_copy(update={"profile": timed})
        evidence.append(replace(target, benchmark=benchmarked))
    return replace(whole, targets=tuple(evidence))


def large(count: int = 3000) -> Content:
    """A model of `count` layers."""
    return complete(count=count, overflow_at=count // 2)


def manifest(content: Content) -> dict[str, object]:
    """The manifest of an earlier release, as the registry would give it: other weights, slower, another shape."""
    verdicts = [_earlier(v).model_dump(mode="json") for v in content.verdicts if v.criterion != "underflow_layers"]
    signature = content.onnx.signature.model_dump(mode="json") if content.onnx else {}
    signature["inputs"][0]["shape"] = [-1, 3, 256, 256]
    return {
        "model": content.model,
        "version": "1.4.0",
        "candidate": "20261102-0911-git-9f8e7d6c5b4a",
        "commit": "9f8e7d6c5b4a" + "0" * 28,
        "onnx": artefact("earlier.onnx").model_dump(mode="json"),
        "signature": signature,
        "targets": {"Ascend310P3": {"soc_version": "Ascend310P3"}, "Ascend310B1": {"soc_version": "Ascend310B1"}},
        "toolchain": {**CANN.model_dump(mode="json"), "cann": "8.0.0"},
        "verdicts": verdicts,
        "pipeline": {"Pipeline": "0.1.0", "requirements.lock": sha256_bytes(b"earlier lock")},
    }


def compared_with_release(content: Content) -> Content:
    commits = ("1a2b3c4 Train on the September welds", "77e0f12 Crop to 224 pixels", "0c4d9aa Pin numpy")
    return replace(content, changes=compare_with_release(manifest(content), content, commits))


def _earlier(verdict: Verdict) -> Verdict:
    factor = {"latency_p99_ms": 1.21, "task_metric_drop": 0.5}.get(verdict.criterion)
    if factor is None or verdict.value is None:
        return verdict
    return verdict.model_copy(update={"value": verdict.value * factor})
