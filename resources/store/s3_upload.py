"""Large blobs, sent in parts: several at a time, from where a killed upload stopped, and exactly what the digest says.

Here belongs the upload in parts. Not here: small objects (`s3_bucket.py`), or whether an upload is needed (`s3.py`).

An upload is named by the blob's key, and the key by its content: whoever finds one begun, by a killed process or a
living one, sends the parts that it lacks. A part counts as sent if the server's MD5 of it is that of ours.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO

from resources.store.objects import NotInStore, StoreError, StoreUnreachable
from resources.store.s3_bucket import Bucket, age

Progress = Callable[[str, int, int], None]
"""Told a blob's key, how many bytes the server has, and how many there are."""

_MAX_PARTS = 10_000
_MIB = 1024 * 1024


def saying(say: Callable[[str], None]) -> Progress:
    """Progress in sentences, one for each tenth of a blob."""
    told: dict[str, int] = {}

    def progress(key: str, done: int, size: int) -> None:
        tenth = done * 10 // size
        if tenth > told.get(key, -1):
            told[key] = tenth
            say(f"{key[: key.rfind('/') + 13]}...: {done // _MIB:,} of {size // _MIB:,} MiB sent")
        if done == size:
            told.pop(key, None)

    return progress


class ContentChanged(StoreError):
    """What was to be stored is not, or no longer, what its key says."""


@dataclass(frozen=True)
class Job:
    """What is to be sent: `size` bytes of `file`, whose sha256 must be `digest`, to the object `name`."""

    name: str
    file: BinaryIO
    size: int
    digest: str


@dataclass(frozen=True)
class Begun:
    """An upload in parts that is not complete."""

    name: str
    upload_id: str
    age: timedelta


def upload(bucket: Bucket, job: Job, progress: Progress) -> None:
    """Send a blob in parts. Raises `ContentChanged`, and `StoreError`; then a later call goes on with what was sent."""
    gone: StoreError | None = None
    for attempt in range(bucket.settings.attempts):
        begun = next(_begun(bucket, job.name), None) if not attempt else None
        upload_id = begun or _begin(bucket, job.name)
        try:
            _finish(bucket, job, upload_id, _send(bucket, job, upload_id, progress))
        except ContentChanged:
            abort(bucket, job.name, upload_id)
            raise
        except (NotInStore, StoreUnreachable) as error:
            if _stands(bucket, job):
                break  # somebody else has completed it
            if isinstance(error, StoreUnreachable):
                raise
            gone = error
        else:
            break
    else:
        raise StoreUnreachable(f"{bucket.address}/{job.name}: the upload was aborted again and again") from gone
    for other in list(_begun(bucket, job.name)):
        abort(bucket, job.name, other)


def part_length(size: int, usual: int) -> int:
    """Bytes of each part but the last: the usual length, more where there would be more than 10,000 parts."""
    return max(usual, -(-size // _MAX_PARTS))


def _send(bucket: Bucket, job: Job, upload_id: str, progress: Progress) -> list[dict[str, Any]]:
    """Send what the server lacks; the parts as a completion names them."""
    there = _parts(bucket, job.name, upload_id)
    length = part_length(job.size, bucket.settings.part)
    parts: dict[int, str] = {}
    sent, whole = 0, hashlib.sha256()
    job.file.seek(0)
    with ThreadPoolExecutor(bucket.settings.parallel) as pool:
        flying: dict[Future[str], tuple[int, int]] = {}
        try:
            for number, content in enumerate(_contents(job.file, length), start=1):
                whole.update(content)
                tag = hashlib.md5(content, usedforsecurity=False).hexdigest()
                if there.get(number) == tag:
                    parts[number] = tag
                    sent += len(content)
                    progress(job.name, sent, job.size)
                    continue
                flying[pool.submit(_send_part, bucket, job.name, upload_id, number, content)] = number, len(content)
                while len(flying) >= bucket.settings.parallel:
                    sent += _land(flying, parts)
                    progress(job.name, sent, job.size)
            while flying:
                sent += _land(flying, parts)
                progress(job.name, sent, job.size)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    if whole.hexdigest() != job.digest:
        raise ContentChanged(f"{job.name}: the content changed while it was stored: put it again")
    return [{"PartNumber": number, "ETag": f'"{tag}"'} for number, tag in sorted(parts.items())]


def _land(flying: dict[Future[str], tuple[int, int]], parts: dict[int, str]) -> int:
    """Wait until some parts have arrived; how many bytes they have."""
    landed = 0
    for done in wait(flying, return_when=FIRST_COMPLETED).done:
        number, length = flying.pop(done)
        parts[number] = done.result()
        landed += length
    return landed


def _contents(file: BinaryIO, length: int) -> Iterator[bytes]:
    while content := file.read(length):
        yield content


def _begun(bucket: Bucket, name: str) -> Iterator[str]:
    """Uploads of this very object, newest first."""
    found = [each for each in unfinished(bucket, name) if each.name == name]
    yield from (each.upload_id for each in sorted(found, key=lambda each: each.age))


def unfinished(bucket: Bucket, prefix: str) -> Iterator[Begun]:
    """Uploads in parts that have begun below a prefix."""
    with bucket.told(prefix):
        pages = bucket.client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=bucket.address.bucket, Prefix=bucket.address.prefix + prefix):
            for each in page.get("Uploads", ()):
                name = str(each["Key"]).removeprefix(bucket.address.prefix)
                yield Begun(name, each["UploadId"], age(each["Initiated"], page))


def _begin(bucket: Bucket, name: str) -> str:
    with bucket.told(name):
        return str(bucket.client.create_multipart_upload(**bucket.place(name))["UploadId"])


def _parts(bucket: Bucket, name: str, upload_id: str) -> dict[int, str]:
    """Parts that the server has: number -> its tag, usually the MD5."""
    with bucket.told(name):
        pages = bucket.client.get_paginator("list_parts").paginate(**bucket.place(name), UploadId=upload_id)
        return {part["PartNumber"]: str(part["ETag"]).strip('"') for page in pages for part in page.get("Parts", ())}


def _send_part(bucket: Bucket, name: str, upload_id: str, number: int, content: bytes) -> str:
    with bucket.told(name):
        answer = bucket.client.upload_part(**bucket.place(name), UploadId=upload_id, PartNumber=number, Body=content)
    return str(answer["ETag"]).strip('"')


def _finish(bucket: Bucket, job: Job, upload_id: str, parts: list[dict[str, Any]]) -> None:
    with bucket.told(job.name):
        bucket.client.complete_multipart_upload(
            **bucket.place(job.name), UploadId=upload_id, MultipartUpload={"Parts": parts}
        )
    if not _stands(bucket, job):
        raise StoreError(f"{bucket.address}/{job.name}: the server did not keep all of it: put it again")


def _stands(bucket: Bucket, job: Job) -> bool:
    found = bucket.head(job.name)
    return found is not None and found.size == job.size


def abort(bucket: Bucket, name: str, upload_id: str) -> None:
    """Throw the parts of an upload away. One that is gone is as it should be."""
    try:
        with bucket.told(name):
            bucket.client.abort_multipart_upload(**bucket.place(name), UploadId=upload_id)
    except NotInStore:
        return
