"""Gitee has no commit statuses; the nearest are check runs, which it shows on pull requests.

Here belong its three requests, as Gitee's help on checks of pull requests has them; the token's owner has to be an
administrator of the repository. A check run that has a conclusion keeps it, so another attempt is another check run.

    GET   /repos/{owner}/{repo}/commits/{sha}/check-runs?check_name=
    POST  /repos/{owner}/{repo}/check-runs          name, head_sha, status, conclusion, details_url, output
    PATCH /repos/{owner}/{repo}/check-runs/{id}

Not tried against Gitee itself: that a check run needs no pull request, and the header that holds the token.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from resources.forges.told import Status
from resources.forges.transport import Request, iso, judge
from resources.forges.transport import send as _send

API = "https://gitee.com/api/v5"
_CONCLUSIONS = {"success": "success", "failure": "failure", "cancelled": "cancelled"}


def send(api: str, project: str, token: str, status: Status, seconds: float) -> None:
    """Set the status. Raises `ForgeBusy`, `ForgeDenied`, `StatusRefused`."""
    place = f"{api}/repos/{project}"
    secret = {"Authorization": f"Bearer {token}"}
    name = quote(status.context, safe="")
    asked = _send(Request("GET", f"{place}/commits/{status.sha}/check-runs?check_name={name}", secret), seconds)
    judge(asked, place)
    wanted = body(status)
    newest = max(_checks(asked.json(), status.context), key=lambda check: check["id"], default=None)
    if newest is not None and _says(newest, wanted):
        return
    if newest is not None and newest.get("status") != "completed":
        judge(_send(Request("PATCH", f"{place}/check-runs/{newest['id']}", secret, wanted), seconds), place)
        return
    made = {**wanted, "head_sha": status.sha}
    judge(_send(Request("POST", f"{place}/check-runs", secret, made), seconds), place)


def body(status: Status) -> dict[str, Any]:
    """What a check run says."""
    conclusion = _CONCLUSIONS.get(status.state)
    found: dict[str, Any] = {
        "name": status.context,
        "status": "completed" if conclusion else {"pending": "queued"}.get(status.state, "in_progress"),
        "output": {"title": status.context, "summary": status.description},
    }
    if status.url:
        found["details_url"] = status.url
    if conclusion:
        found |= {"conclusion": conclusion, "completed_at": iso(status.at)}
    return found


def _checks(answer: Any, name: str) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """The check runs of that name in an answer, which is a list or holds one."""
    found = answer.get("check_runs") if isinstance(answer, dict) else answer
    for check in found if isinstance(found, list) else ():
        if isinstance(check, dict) and check.get("name") == name and isinstance(check.get("id"), int):
            yield check


def _says(check: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether it says so already: its state, and of which run."""
    return all((check.get(name) or None) == wanted.get(name) for name in ("status", "conclusion", "details_url"))
