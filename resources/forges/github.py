"""GitHub's commit statuses: `POST /repos/{owner}/{repo}/statuses/{sha}`, as its REST documentation has it.

Here belong its words and limits: states error, failure, pending and success; 140 characters of description; at most
1000 statuses of a context on a commit, after which it answers 422, as it does for a commit that it does not know.
"""

from typing import Any

from resources.forges.told import Status
from resources.forges.transport import Request, judge
from resources.forges.transport import send as _send

API = "https://api.github.com"
_STATES = {
    "pending": "pending",
    "running": "pending",
    "success": "success",
    "failure": "failure",
    "cancelled": "error",
}
_DESCRIPTION = 140


def send(api: str, project: str, token: str, status: Status, seconds: float) -> None:
    """Set the status. Raises `ForgeBusy`, `ForgeDenied`, `StatusRefused`."""
    judge(_send(request(api, project, token, status), seconds), f"{api}/repos/{project}")


def request(api: str, project: str, token: str, status: Status) -> Request:
    """The request that sets the status. It may be sent again: the newest of a context counts."""
    body: dict[str, Any] = {
        "state": _STATES[status.state],
        "context": status.context,
        "description": status.description[:_DESCRIPTION],
    }
    if status.url:
        body["target_url"] = status.url
    return Request(
        "POST",
        f"{api}/repos/{project}/statuses/{status.sha}",
        {"Authorization": f"Bearer {token}"},
        body,
        {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    )
