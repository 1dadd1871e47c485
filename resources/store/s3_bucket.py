"""One bucket as the rest of the S3 store sees it: a few requests, each retried within bounds, errors translated.

Here belongs every plain request and what makes it safe to repeat. Not here: what objects mean, uploads in parts
(`s3_upload.py`), the trash (`s3_trash.py`).

botocore repeats a request whose answer is lost or is 500, 502, 503 or 504, with growing pauses. A repeated create-once
write may then be refused because of its own first attempt. So each carries a random mark, and where a write is refused
the mark of what stands there says whose it is.
"""

import os
import random
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from resources.store.objects import NotInStore, StoreUnfit, StoreUnreachable
from resources.store.s3_errors import TAKEN, status_of, told
from resources.store.s3_settings import S3Address, S3Settings

_MARK = "writer"
_MAX_EMPTY_PAGES = 100
_COPY_PARTS = 5


@dataclass(frozen=True)
class Facts:
    """What a server says of an object.

    `modified`, and `age` by the server's own clock; `etag` without quotes; `mark` of the write that made it.
    """

    name: str
    size: int
    modified: datetime
    age: timedelta
    etag: str
    mark: str = ""


class Bucket:
    """Objects below the address's prefix. Safe to use from threads, and after a fork."""

    def __init__(self, address: S3Address, settings: S3Settings) -> None:
        self.address = address
        self.settings = settings
        self._clients: dict[int, Any] = {}

    @property
    def client(self) -> Any:  # noqa: ANN401 - botocore makes its clients' classes at run time
        """boto3's client, this process's own: a connection must not be shared across a fork."""
        found = self._clients.get(os.getpid())
        if found is None:
            with told(str(self.address), self.settings.endpoint or "boto3's default endpoint"):
                found = self._clients[os.getpid()] = _connect(self.settings)
        return found

    @property
    def endpoint(self) -> str:
        """The server's address, as boto3 found it."""
        return str(self.client.meta.endpoint_url)

    def place(self, name: str) -> dict[str, str]:
        """The arguments that name an object in a request."""
        return {"Bucket": self.address.bucket, "Key": self.address.prefix + name}

    def told(self, name: str) -> AbstractContextManager[None]:
        """See `s3_errors.told`."""
        where = f"{self.address}/{name}" if name else str(self.address)
        return told(where, self.endpoint)

    def head(self, name: str) -> Facts | None:
        """What is known of an object."""
        try:
            with self.told(name):
                answer = self.client.head_object(**self.place(name))
        except NotInStore:
            return None
        return Facts(
            name=name,
            size=answer["ContentLength"],
            modified=answer["LastModified"],
            age=age(answer["LastModified"], answer),
            etag=str(answer.get("ETag", "")).strip('"'),
            mark=answer.get("Metadata", {}).get(_MARK, ""),
        )

    def create(self, name: str, body: bytes) -> bool:
        """Write an object if its name is free; True if what stands there is from this call.

        Raises `StoreUnreachable` where no attempt was answered: then it may or may not stand there.
        """
        mark = secrets.token_hex(16)
        for attempt in range(self.settings.attempts):
            if self._created(name, body, mark):
                return True
            found = self.head(name)
            if found is not None:
                return found.mark == mark
            pause(attempt)  # 409: the write that was in the way has come to nothing
        raise StoreUnreachable(f"{self.address}/{name}: other writes were in the way of every attempt: try again later")

    def _created(self, name: str, body: bytes, mark: str) -> bool:
        """True if the server says that it created the object, False if it says that there is one."""
        from botocore.exceptions import ClientError

        try:
            with self.told(name):
                try:
                    self.client.put_object(**self.place(name), Body=body, IfNoneMatch="*", Metadata={_MARK: mark})
                except ClientError as error:
                    if status_of(error.response) in TAKEN:
                        return False
                    raise
        except StoreUnreachable as error:
            return self._arrived(name, error)
        return True

    def _arrived(self, name: str, lost: StoreUnreachable) -> bool:
        """After a write without an answer: False if something stands there, whosever it is. Else raises."""
        try:
            found = self.head(name)
        except StoreUnreachable:
            found = None
        if found is None:
            raise StoreUnreachable(f"{lost}. It may yet turn out to be written: look at what is there first") from lost
        return False

    def put(self, name: str, body: bytes) -> None:
        """Write an object, whatever stands there."""
        with self.told(name):
            self.client.put_object(**self.place(name), Body=body)

    def get(self, name: str, start: int = 0) -> Any:  # noqa: ANN401 - botocore's answer
        """The answer to a read of everything from byte `start`. Raises `NotInStore`."""
        extent = {"Range": f"bytes={start}-"} if start else {}
        with self.told(name):
            return self.client.get_object(**self.place(name), **extent)

    def delete(self, name: str) -> None:
        """Delete an object; where there is none, nothing happens."""
        with self.told(name):
            self.client.delete_object(**self.place(name))

    def list(self, prefix: str, after: str = "") -> Iterator[Facts]:
        """Every object whose name begins so and comes after `after`, sorted by name.

        Raises `StoreUnfit` where a server does not sort.
        """
        last, empty = after, 0
        token = {"StartAfter": self.address.prefix + after} if after else {}
        while True:
            with self.told(prefix):
                page = self.client.list_objects_v2(
                    Bucket=self.address.bucket, Prefix=self.address.prefix + prefix, **token
                )
            for found in page.get("Contents", ()):
                name = str(found["Key"]).removeprefix(self.address.prefix)
                made = found["LastModified"]
                tag = str(found.get("ETag", "")).strip('"')
                facts = Facts(name, found["Size"], made, age(made, page), tag)
                if facts.name <= last:
                    raise StoreUnfit(
                        f"{self.address}: the server does not list in order ({last!r} before {facts.name!r})"
                    )
                last = facts.name
                yield facts
            if not page.get("IsTruncated"):
                return
            empty = 0 if page.get("Contents") else empty + 1
            token = {"ContinuationToken": page.get("NextContinuationToken", "")}
            if empty > _MAX_EMPTY_PAGES or not token["ContinuationToken"]:
                raise StoreUnfit(f"{self.address}/{prefix}: the server breaks its list off and does not go on")

    def copy(self, source: Facts, target: str) -> None:
        """Copy within the bucket, also onto itself, which makes it young. Raises `NotInStore`."""
        origin = self.place(source.name)
        with self.told(source.name):
            if source.size <= self.settings.copy_limit:
                self.client.copy_object(
                    **self.place(target), CopySource=origin, MetadataDirective="REPLACE", Metadata={}
                )
                return
            upload = {
                **self.place(target),
                "UploadId": self.client.create_multipart_upload(**self.place(target))["UploadId"],
            }
            length = self.settings.copy_limit // _COPY_PARTS
            parts = []
            for number, start in enumerate(range(0, source.size, length), start=1):
                extent = f"bytes={start}-{min(start + length, source.size) - 1}"
                answer = self.client.upload_part_copy(
                    **upload, PartNumber=number, CopySource=origin, CopySourceRange=extent
                )
                parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
            self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    def versioning(self) -> str:
        """`Enabled`, `Suspended`, or empty for a bucket that never had versions."""
        with self.told(""):
            return str(self.client.get_bucket_versioning(Bucket=self.address.bucket).get("Status", ""))


def age(made: datetime, answer: Mapping[str, Any]) -> timedelta:
    """How long ago `made` was when the server answered, for its clock dates objects, and to the second."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    try:
        now = parsedate_to_datetime(date)
    except (TypeError, ValueError):  # no date, or none
        now = datetime.now(UTC)
    return (now if now.tzinfo else now.replace(tzinfo=UTC)) - made


def pause(attempt: int) -> None:
    """Wait before the next of several attempts: at most 0.1, 0.2, 0.4 ... 5 seconds, by chance less."""
    time.sleep(random.uniform(0.5, 1) * min(5.0, 0.1 * 2**attempt))  # noqa: S311 - no secret


def _connect(settings: S3Settings) -> Any:  # noqa: ANN401 - see `client`
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        retries={"mode": "standard", "total_max_attempts": settings.attempts},
        s3={"addressing_style": settings.addressing},
        max_pool_connections=4 * settings.parallel,
        tcp_keepalive=True,
        # Checksums that boto3 adds by itself since 1.36 are refused by Huawei OBS and other compatible servers.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client("s3", endpoint_url=settings.endpoint, config=config)
