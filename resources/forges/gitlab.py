"""GitLab's commit statuses: `POST /projects/:id/statuses/:sha`, as its REST documentation and its source have it.

Here belong its words and limits: states pending, running, success, failed and canceled; 255 characters of description
and of the address. It answers 400 "Cannot transition status" where the status is there already, and 404 for a project
as for a commit that it does not know, or that lies on no branch.
"""

from typing import Any
from urllib.parse import quote

from resources.forges.errors import StatusRefused
from resources.forges.told import Status
from resources.forges.transport import Answer, Request, judge
from resources.forges.transport import send as _send

API = "https://gitlab.com/api/v4"
_STATES = {
    "pending": "pending",
    "running": "running",
    "success": "success",
    "failure": "failed",
    "cancelled": "canceled",
}
_LONGEST = 255
_BAD_REQUEST, _NOT_FOUND = 400, 404


def send(api: str, project: str, token: str, status: Status, seconds: float) -> None:
    """Set the status. Raises `ForgeBusy`, `ForgeDenied`, `StatusRefused`."""
    answer = _send(request(api, project, token, status), seconds)
    if not _is_there_already(answer):
        place = f"{api}/projects/{project}"
        if answer.status == _NOT_FOUND and "commit" in answer.message.lower():
            raise StatusRefused(f"{place}: status 404: {answer.message}")
        judge(answer, place)


def request(api: str, project: str, token: str, status: Status) -> Request:
    """The request that sets the status."""
    body: dict[str, Any] = {
        "state": _STATES[status.state],
        "name": status.context,
        "description": status.description[:_LONGEST],
    }
    if status.url and len(status.url) <= _LONGEST:
        body["target_url"] = status.url
    url = f"{api}/projects/{quote(project, safe='')}/statuses/{status.sha}"
    return Request("POST", url, {"PRIVATE-TOKEN": token}, body)


def _is_there_already(answer: Answer) -> bool:
    return answer.status == _BAD_REQUEST and "cannot transition status" in answer.message.lower()
