"""The chain of digests, source -> onnx -> om -> evidence, and where it is broken.

Here belongs reading it off the records. Not here: refusing a broken one (`gates/release.py`): the page shows it beside
the verdict, so that a reviewer can see what the gate saw.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ascend_assets.dossier.content import Content, TargetEvidence
from ascend_assets.records import Record


@dataclass(frozen=True)
class Link:
    """One stage's product. `digest`: what was made; `record`: the record about it; both sha256.

    `broken`: inputs that are not the ones shown here.
    """

    stage: str
    target: str
    digest: str
    record: str
    note: str
    broken: tuple[str, ...]


def links(content: Content) -> tuple[Link, ...]:
    """Every record that exists, in the order in which a candidate walks."""
    return tuple(_walk(content))


def _walk(content: Content) -> Iterator[Link]:
    made: dict[str, str] = {"source": content.source.data_version}
    yield _link(content.source, {}, f"{content.source.archive.size:,} bytes")
    if content.onnx is not None:
        yield _link(content.onnx, made, f"{content.onnx.file.size:,} bytes")
        made["onnx"] = content.onnx.data_version
    if content.lint is not None:
        yield _link(content.lint, made, f"{len(content.lint.counts)} criteria")
        made["lint"] = content.lint.data_version
    for target in content.evidence:
        yield from _walk_target(target, made)


def _walk_target(target: TargetEvidence, made: Mapping[str, str]) -> Iterator[Link]:
    known = dict(made)
    if target.om is not None:
        yield _link(target.om, known, f"{target.om.file.size:,} bytes", target.key)
        known["om"] = target.om.data_version
    if target.precision is not None:
        note = f"{target.precision.origin}, {len(target.precision.comparison.layers):,} layers"
        yield _link(target.precision, known, note, target.key)
    if target.benchmark is not None:
        note = f"{target.benchmark.origin}, {len(target.benchmark.profile.ops):,} operators"
        yield _link(target.benchmark, known, note, target.key)


def _link(record: Record, made: Mapping[str, str], note: str, target: str = "") -> Link:
    # An input that is not on the page (a refused stage's, say) cannot be compared; the gate `chain` judges it.
    broken = tuple(k for k, digest in record.made_from.items() if k in made and made[k] != digest)
    return Link(record.stage, target, record.data_version, record.digest, note, broken)
