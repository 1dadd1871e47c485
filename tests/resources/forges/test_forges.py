"""Each forge hears a status in its own words, and a forge that misbehaves costs neither the token nor much time."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from forge_server import ForgeServer, Reply, Sent, forge_server
from hypothesis import given
from hypothesis import strategies as st

from resources.forges import transport
from resources.forges.errors import ForgeBusy, ForgeDenied, ForgeError, StatusRefused
from resources.forges.status import Forge, Kind, report
from resources.forges.told import State, Status

SHA = "1a2b3c4d" * 5
TOKEN = "s3cr3t-t0k3n"  # noqa: S105 - of no real forge
PASSED = Status(SHA, "success", "ascend/tiny", "passed every gate", "https://dagster.example/runs/1", at=1_795_000_000)


@pytest.fixture
def server() -> Iterator[ForgeServer]:
    with forge_server() as made:
        yield made


def forge(server: ForgeServer, kind: Kind = "github", project: str = "acme/models", token: str = TOKEN) -> Forge:
    return Forge(kind, project, server.address, token, "FORGE_TOKEN")


def test_github(server: ForgeServer) -> None:
    report(forge(server), PASSED)
    (sent,) = server.sent
    assert (sent.method, sent.path) == ("POST", f"/repos/acme/models/statuses/{SHA}")
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["accept"] == "application/vnd.github+json"
    assert sent.headers["x-github-api-version"] == "2022-11-28"
    assert sent.headers["user-agent"]
    assert sent.body == {
        "state": "success",
        "context": "ascend/tiny",
        "description": "passed every gate",
        "target_url": "https://dagster.example/runs/1",
    }


def test_gitlab(server: ForgeServer) -> None:
    report(forge(server, "gitlab", "group/sub/models"), PASSED)
    (sent,) = server.sent
    assert (sent.method, sent.path) == ("POST", f"/projects/group%2Fsub%2Fmodels/statuses/{SHA}")
    assert sent.headers["private-token"] == TOKEN
    assert "authorization" not in sent.headers
    assert sent.body == {
        "state": "success",
        "name": "ascend/tiny",
        "description": "passed every gate",
        "target_url": "https://dagster.example/runs/1",
    }


@pytest.mark.parametrize(
    ("state", "github", "gitlab"),
    [
        ("pending", "pending", "pending"),
        ("running", "pending", "running"),
        ("success", "success", "success"),
        ("failure", "failure", "failed"),
        ("cancelled", "error", "canceled"),
    ],
)
def test_states_in_the_words_of_each(server: ForgeServer, state: State, github: str, gitlab: str) -> None:
    told = Status(SHA, state, "ascend/tiny", "")
    report(forge(server), told)
    report(forge(server, "gitlab"), told)
    assert [sent.body["state"] for sent in server.sent] == [github, gitlab]
    assert all("target_url" not in sent.body for sent in server.sent)


def test_what_is_longer_than_a_forge_takes_is_cut(server: ForgeServer) -> None:
    told = Status(SHA, "failure", "ascend/tiny", "x" * 1000, "https://dagster.example/" + "y" * 300)
    report(forge(server), told)
    report(forge(server, "gitlab"), told)
    assert [len(sent.body["description"]) for sent in server.sent] == [140, 255]
    assert "target_url" not in server.sent[1].body, "half an address leads nowhere"


def test_gitlab_says_that_the_status_is_there_already(server: ForgeServer) -> None:
    """What it answers to a second `pending`, with status 400."""
    server.reply = Reply(400, {"message": "Cannot transition status via :enqueue from :pending (Reason(s): ...)"})
    report(forge(server, "gitlab"), PASSED)


@pytest.mark.parametrize("message", ["404 Commit Not Found", "404 References for commit Not Found"])
def test_a_commit_that_gitlab_does_not_know_is_one_refused_status(server: ForgeServer, message: str) -> None:
    server.reply = Reply(404, {"message": message})
    with pytest.raises(StatusRefused, match="ommit"):
        report(forge(server, "gitlab"), PASSED)
    server.reply = Reply(404, {"message": "404 Project Not Found"})
    with pytest.raises(ForgeDenied, match="is the project right"):
        report(forge(server, "gitlab"), PASSED)


class Gitee:
    """Check runs of one repository: a conclusion cannot be changed."""

    def __init__(self, shape: str = "object") -> None:
        self.runs: list[dict[str, Any]] = []
        self.shape = shape

    def __call__(self, sent: Sent) -> Reply:
        path, _, query = sent.path.partition("?")
        if sent.method == "GET":
            assert path == f"/repos/acme/models/commits/{SHA}/check-runs"
            assert query == "check_name=ascend%2Ftiny"
            found = {"total_count": len(self.runs), "check_runs": self.runs}
            return Reply(200, found if self.shape == "object" else self.runs)
        if sent.method == "POST":
            assert path == "/repos/acme/models/check-runs"
            assert sent.body["head_sha"] == SHA
            self.runs.append({"id": len(self.runs) + 1, **sent.body})
            return Reply(201, self.runs[-1])
        one = self.runs[int(path.removeprefix("/repos/acme/models/check-runs/")) - 1]
        assert one["status"] != "completed"
        one.update(sent.body)
        return Reply(200, one)


@pytest.mark.parametrize("shape", ["object", "list"])
def test_gitee_has_one_check_run_for_each_attempt(server: ForgeServer, shape: str) -> None:
    gitee = Gitee(shape)
    server.reply = gitee
    states: list[State] = ["pending", "running", "failure", "failure", "pending", "success"]
    for state in states:
        where = "https://dagster.example/runs/" + ("1" if len(gitee.runs) < 2 and state != "success" else "2")
        report(forge(server, "gitee"), Status(SHA, state, "ascend/tiny", state, where, at=1_795_000_000))
    assert [(run["status"], run.get("conclusion")) for run in gitee.runs] == [
        ("completed", "failure"),
        ("completed", "success"),
    ]
    assert gitee.runs[0]["completed_at"] == "2026-11-18T11:06:40Z"
    assert gitee.runs[0]["output"] == {"title": "ascend/tiny", "summary": "failure"}
    assert {sent.headers["authorization"] for sent in server.sent} == {f"Bearer {TOKEN}"}
    assert TOKEN not in "".join(sent.path for sent in server.sent)


@pytest.mark.parametrize("answer", [None, "text", 5, {"check_runs": "none"}, {"check_runs": [None, {"id": "x"}]}])
def test_gitee_may_answer_nonsense(server: ForgeServer, answer: Any) -> None:
    server.reply = lambda sent: Reply(200, answer if sent.method == "GET" else {})
    report(forge(server, "gitee"), PASSED)
    assert [sent.method for sent in server.sent] == ["GET", "POST"]


@pytest.mark.parametrize("kind", ["gitee", "github", "gitlab"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, ForgeDenied),
        (403, ForgeDenied),
        (404, ForgeDenied),
        (302, ForgeDenied),
        (422, StatusRefused),
        (409, ForgeBusy),
        (429, ForgeBusy),
        (500, ForgeBusy),
        (503, ForgeBusy),
    ],
)
def test_what_a_status_means(server: ForgeServer, kind: Kind, status: int, error: type[ForgeError]) -> None:
    server.reply = Reply(status, {"message": "no\nnot\x1bnow"}, {"Location": "http://127.0.0.1:1/"})
    with pytest.raises(error, match=rf"status {status}: (too many requests: )?no not now") as raised:
        report(forge(server, kind), PASSED)
    assert type(raised.value) is error
    assert TOKEN not in str(raised.value)
    assert len(server.sent) == 1, "nothing is tried twice within a tick"


def test_a_redirect_is_not_followed_with_the_token(server: ForgeServer) -> None:
    with forge_server() as elsewhere:
        server.reply = Reply(307, None, {"Location": f"{elsewhere.address}/repos/acme/models/statuses/{SHA}"})
        with pytest.raises(ForgeDenied, match="a redirect, which is not followed with a token"):
            report(forge(server), PASSED)
        assert elsewhere.sent == []


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"Retry-After": "17"}, 17),
        (429, {"Retry-After": "999999999999"}, 3600),
        (503, {"Retry-After": "0"}, 1),
        (429, {"Retry-After": "soon"}, None),
        (429, {}, None),
    ],
)
def test_how_long_a_forge_asks_us_to_wait(
    server: ForgeServer, status: int, headers: dict[str, str], wait: float | None
) -> None:
    server.reply = Reply(status, None, headers)
    with pytest.raises(ForgeBusy) as raised:
        report(forge(server), PASSED)
    assert raised.value.wait == wait


def test_github_says_403_where_it_means_later(server: ForgeServer) -> None:
    reset = str(int(time.time()) + 120)
    server.reply = Reply(403, {"message": "API rate limit"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
    with pytest.raises(ForgeBusy, match="too many requests") as raised:
        report(forge(server), PASSED)
    assert raised.value.wait == pytest.approx(120, abs=30)
    server.reply = Reply(403, {"message": "You have exceeded a secondary rate limit"})
    with pytest.raises(ForgeBusy):
        report(forge(server), PASSED)


@given(st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset", "ratelimit-reset"]), st.text(max_size=30)))
def test_no_header_makes_us_wait_for_more_than_an_hour(headers: dict[str, str]) -> None:
    found = transport.wait(headers, 1_795_000_000)
    assert found is None or 1 <= found <= 3600


def test_a_retry_after_may_be_a_date() -> None:
    assert transport.wait({"retry-after": "Wed, 18 Nov 2026 11:07:40 GMT"}, 1_795_000_000) == 60
    assert transport.wait({"retry-after": "Wed, 18 Nov 2026 10:00:00 GMT"}, 1_795_000_000) == 1


def test_a_forge_that_drips_is_left_when_the_time_is_over(server: ForgeServer) -> None:
    server.reply = Reply(201, b"x" * 600, drip=0.05)
    begin = time.monotonic()
    with pytest.raises(ForgeBusy, match="no whole answer"):
        report(forge(server), PASSED, seconds=0.5)
    assert time.monotonic() - begin < 20


def test_an_answer_that_breaks_off_is_none(server: ForgeServer) -> None:
    server.reply = Reply(201, {}, promised=100)
    with pytest.raises(ForgeBusy, match="no whole answer"):
        report(forge(server), PASSED, seconds=2)


def test_an_answer_without_an_end_is_not_read_to_it(server: ForgeServer) -> None:
    server.reply = Reply(201, b" " * (transport.MAX_ANSWER + 2))
    with pytest.raises(ForgeBusy, match="more than 1,048,576 bytes"):
        report(forge(server), PASSED)


def test_nobody_there() -> None:
    with pytest.raises(ForgeBusy, match=r"127\.0\.0\.1:1: no whole answer: Connection refused"):
        report(Forge("github", "acme/models", "http://127.0.0.1:1", TOKEN), PASSED)


def test_the_token_does_not_travel_in_the_clear() -> None:
    with pytest.raises(ForgeDenied, match=r"let status\.api be https"):
        report(Forge("github", "acme/models", "http://forge.example", TOKEN), PASSED)


@pytest.mark.parametrize(
    ("token", "what"),
    [("", "is not set"), ("   ", "is not set"), ("a\nb", "can be no token"), ("é", "can be no token")],
)
def test_a_bad_token_is_named_by_its_variable(server: ForgeServer, token: str, what: str) -> None:
    with pytest.raises(ForgeDenied, match=f"FORGE_TOKEN .*{what}") as raised:
        report(forge(server, token=token), PASSED)
    assert not token.strip() or token not in str(raised.value)
    assert server.sent == []


def test_the_token_is_in_no_repr(server: ForgeServer) -> None:
    one = forge(server)
    assert TOKEN not in repr(one)
    assert TOKEN not in repr(transport.Request("GET", "http://x", {"Authorization": TOKEN}))


@pytest.mark.parametrize("project", ["acme", "acme/..", "../..", "acme/models/more", "./models"])
def test_a_project_that_is_none_is_not_asked_for(server: ForgeServer, project: str) -> None:
    with pytest.raises(ForgeDenied, match="write owner/name"):
        report(forge(server, project=project), PASSED)
    assert server.sent == []


def test_what_is_no_commit_id_goes_nowhere(server: ForgeServer) -> None:
    with pytest.raises(ValueError, match="no commit id"):
        report(forge(server), Status("../../user", "success", "ascend/tiny", ""))
    assert server.sent == []
