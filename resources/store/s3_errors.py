"""What can go wrong with a server, in the store's own errors: what happened, to which object, and what to change.

Here belongs the translation of botocore's errors. Not here: trying again (`s3_bucket.py`), or what a missing object
means to the caller.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from resources.store.objects import NotInStore, StoreDenied, StoreError, StoreFull, StoreUnfit, StoreUnreachable

TAKEN = frozenset({HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})
"""How servers answer a create-once write whose key is not free: 412, or 409 while another write is under way."""

_CREDENTIALS = {
    "InvalidAccessKeyId": "the server does not know the access key",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key, or a proxy changed the request",
    "ExpiredToken": "the session token has expired",
    "InvalidToken": "the session token is not valid",
    "TokenRefreshRequired": "the session token has expired",
}
_FULL = {
    "QuotaExceeded",
    "InsufficientCapacity",
    "StorageFull",
    "XMinioStorageFull",
    "XMinioStorageQuotaExceeded",
    "ServiceQuotaExceededException",
    "EntityTooLarge",
}
_ELSEWHERE = {
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
}
_MISSING = {"NoSuchKey", "NoSuchUpload", "InvalidPart", "NotFound", "404"}


def status_of(response: Mapping[str, Any]) -> int:
    """The HTTP status of an answer or of a `ClientError`'s response; 0 where it is unknown."""
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(response: Mapping[str, Any]) -> str:
    """S3's own error code, such as `NoSuchKey`; for an answer without a body, the HTTP status as text."""
    return str(response.get("Error", {}).get("Code", ""))


@contextmanager
def told(where: str, endpoint: str) -> Iterator[None]:
    """Turn botocore's errors into the store's. `where` names the object, `endpoint` the server."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _answered(error.response, f"{where} (at {endpoint})") from error
    except BotoCoreError as error:
        raise _unanswered(error, where, endpoint) from error
    except RecursionError as error:
        # botocore asks where a bucket has gone by a request that is redirected in turn, and so on without end.
        raise StoreUnfit(f"{where}: {endpoint} redirects every request: correct ASCEND_S3_ENDPOINT") from error


def _answered(response: Mapping[str, Any], where: str) -> StoreError:
    status, code = status_of(response), code_of(response)
    said = f"{status} {code}: {_short(response.get('Error', {}).get('Message', ''))}"
    if code == "NoSuchBucket":
        return StoreUnfit(f"{where}: there is no such bucket. Create it, without versioning, or correct ASCEND_STORE")
    if code in _MISSING or status == HTTPStatus.NOT_FOUND:
        return NotInStore(f"{where} is not in the store")
    if code in _FULL or status == HTTPStatus.INSUFFICIENT_STORAGE:
        return StoreFull(f"{where}: {said}. Nothing was written: free some space or quota, then try again")
    if code in _ELSEWHERE:
        return StoreError(f"{where}: {said}: the bucket is in another region: set AWS_DEFAULT_REGION to its own")
    return _denied(status, code, f"{where}: {said}") or _troubled(status, f"{where}: {said}")


def _denied(status: int, code: str, what: str) -> StoreError | None:
    if code in _CREDENTIALS:
        return StoreDenied(
            f"{what}: {_CREDENTIALS[code]}. Correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the profile"
        )
    if code == "RequestTimeTooSkewed":
        return StoreDenied(
            f"{what}: this machine's clock differs from the server's: set it right (NTP), then try again"
        )
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return StoreDenied(
            f"{what}: access denied. Give this user s3:GetObject, PutObject, DeleteObject, ListBucket and "
            "AbortMultipartUpload there, or use other credentials"
        )
    return None


def _troubled(status: int, what: str) -> StoreError:
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return StoreUnfit(f"{what}: the server cannot do what is asked of it: keep the store on another server")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return StoreUnreachable(f"{what}: the server is in trouble, after every attempt: try again later")
    return StoreError(f"{what}: the server refuses")


def _unanswered(error: Exception, where: str, endpoint: str) -> StoreError:
    from botocore import exceptions as e

    credentials = (e.NoCredentialsError, e.PartialCredentialsError, e.CredentialRetrievalError, e.ProfileNotFound)
    network = (e.HTTPClientError, e.ConnectionError, e.ResponseStreamingError, e.IncompleteReadError)
    what = f"{where}: {type(error).__name__}: {_short(error)}"
    if isinstance(error, credentials):
        return StoreDenied(f"{what}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
    if isinstance(error, e.SSLError):
        return StoreUnreachable(f"{what}. Set AWS_CA_BUNDLE to the certificates that vouch for {endpoint}")
    if isinstance(error, network):
        return StoreUnreachable(
            f"{what}: no answer from {endpoint}, after every attempt. Check the network and ASCEND_S3_ENDPOINT, "
            "then try again"
        )
    return StoreError(f"{what}. Check the settings of S3 (ASCEND_S3_*, AWS_*)")


def _short(error: object) -> str:
    return " ".join(str(error).split())[:300]
