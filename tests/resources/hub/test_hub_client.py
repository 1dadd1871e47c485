"""The hub is asked with bounds, believed where its answer has the documented shape, and told a secret carefully."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hub_server import FakeHub, Fault, Place, certificate, serving
from modelscope_hub import HubApi
from modelscope_hub.config import HubConfig

from resources.hub import client
from resources.hub.client import Hub
from resources.hub.errors import BadAnswer, BadRedirect, HubDown, HubError, HubRefused, HubTrouble, NoDigest
from resources.hub.http import Deadline, Origin

MODEL = "somebody/resnet"
TOKEN = "s3cr3t-token"  # noqa: S105 - of a test
FILES = {"model.onnx": b"weights" * 400, "config.json": b"{}"}


@pytest.fixture
def hub(fake: FakeHub) -> Hub:
    fake.publish(MODEL, "v1.9.0", FILES)
    return client.connect(fake.endpoint, TOKEN, seconds=5)


def test_the_library_of_the_hub_reads_the_same_from_our_server(fake: FakeHub, hub: Hub, tmp_path: Path) -> None:
    """The stand-in speaks as ModelScope's own client expects it, so that what is tested against it holds there."""
    config = HubConfig(endpoint=fake.endpoint, token="", config_dir=tmp_path / "config", cache_dir=tmp_path / "cache")
    theirs = HubApi(config)
    names = {entry["Revision"] for entry in theirs.list_repo_revisions(MODEL, "model")}
    assert names == {"v1.9.0", "master"}
    listed = {file.path: file.sha256 for file in theirs.list_repo_files(MODEL, "model", revision="v1.9.0")}
    files, _ = hub.files(MODEL, "v1.9.0", frozenset(FILES))
    assert listed == {path: file.sha256 for path, file in files.items()}
    url = theirs.legacy.get_download_url(MODEL, "model", "config.json", revision="v1.9.0")
    assert hub._url(MODEL, "/repo", {"Revision": "v1.9.0", "FilePath": "config.json"}) == url
    with theirs.legacy.download_stream(MODEL, "model", "model.onnx", revision="v1.9.0") as response:
        assert response.content == FILES["model.onnx"]


def test_tags_have_their_times(fake: FakeHub, hub: Hub) -> None:
    fake.publish(MODEL, "v2", FILES, at=1_700_000_060_000)
    fake.publish(MODEL, "v3", FILES, at=None)
    moments = {tag.name: tag.created_at for tag in hub.tags(MODEL)}
    assert moments["v1.9.0"] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert moments["v2"] == datetime(2023, 11, 14, 22, 14, 20, tzinfo=UTC), "milliseconds are read as such"
    assert moments["v3"] is None


def test_a_private_version_is_not_listed(fake: FakeHub, hub: Hub) -> None:
    fake.publish(MODEL, "v2.0.0", FILES, Visibility=1)
    assert [tag.name for tag in hub.tags(MODEL)] == ["v1.9.0"]


@pytest.mark.parametrize(("visibility", "public"), [(5, True), (3, False), (1, False), (0, False)])
def test_a_model_is_public_only_where_the_hub_says_so(fake: FakeHub, hub: Hub, visibility: int, public: bool) -> None:  # noqa: FBT001 - a case
    fake.visibility[MODEL] = visibility
    assert hub.is_public(MODEL) is public


@pytest.mark.parametrize(
    ("place", "fault", "error"),
    [
        ("revisions", "status_500", HubDown),
        ("revisions", "status_429", HubDown),
        ("revisions", "status_403", HubRefused),
        ("revisions", "status_404", HubRefused),
        ("revisions", "garbage", BadAnswer),
        ("revisions", "list", BadAnswer),
        ("revisions", "refused_with_200", HubRefused),
        ("revisions", "endless_redirect", BadRedirect),
        ("revisions", "to_file_scheme", BadRedirect),
        ("revisions", "endless_json", BadAnswer),
    ],
)
def test_each_strange_answer_has_a_name(
    fake: FakeHub, hub: Hub, place: Place, fault: Fault, error: type[HubError]
) -> None:
    fake.misbehave(place, fault)
    with pytest.raises(error) as raised:
        hub.tags(MODEL)
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("fault", ["slow", "endless_headers"])
def test_an_answer_that_trickles_ends_at_the_deadline(fake: FakeHub, fault: Fault) -> None:
    fake.publish(MODEL, "v1", FILES)
    fake.misbehave("revisions", fault)
    begin = time.monotonic()
    with pytest.raises(HubDown):
        client.connect(fake.endpoint, seconds=0.5).tags(MODEL)
    assert time.monotonic() - begin < 10, "it would go on for 20 s"


def test_a_hub_that_is_not_there_is_down() -> None:
    with serving() as gone:
        endpoint = gone.endpoint
    with pytest.raises(HubDown, match=r"no whole answer"):
        client.connect(endpoint, seconds=5).tags(MODEL)


def test_the_token_goes_to_the_hub_and_not_where_it_redirects_to(fake: FakeHub, hub: Hub) -> None:
    fake.misbehave("file", "to_storage")
    with hub.file(MODEL, "v1.9.0", "model.onnx", 0, Deadline.after(5)) as answer:
        assert answer.body(10_000) == FILES["model.onnx"]
    first, second = fake.asked
    assert first.headers["Authorization"] == f"Bearer {TOKEN}"
    assert first.headers["Cookie"] == f"m_session_id={TOKEN}"
    assert second.place == "storage"
    assert not {"Authorization", "Cookie"} & set(second.headers), "neither ours nor what the hub planted"


def test_a_redirect_from_https_to_http_carries_no_token(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.publish(MODEL, "v1", FILES)
    with serving(FakeHub(tls=certificate(tmp_path), storage=f"http://localhost:{fake.port}")) as secure:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "hub.crt"))
        secure.publish(MODEL, "v1", FILES)
        secure.misbehave("file", "to_storage")
        hub = client.connect(secure.endpoint, TOKEN, seconds=5)
        assert [tag.name for tag in hub.tags(MODEL)] == ["v1"]
        with hub.file(MODEL, "v1", "model.onnx", 0, Deadline.after(5)) as answer:
            assert answer.body(10_000) == FILES["model.onnx"]
    assert all(asked.headers["Authorization"] == f"Bearer {TOKEN}" for asked in secure.asked)
    (stored,) = fake.asked
    assert not {"Authorization", "Cookie"} & set(stored.headers)


def test_a_hub_that_cannot_prove_who_it_is_is_told_nothing(tmp_path: Path) -> None:
    with serving(FakeHub(tls=certificate(tmp_path))) as secure:
        with pytest.raises(HubDown, match=r"SSLError"):
            client.connect(secure.endpoint, TOKEN, seconds=5).tags(MODEL)
        assert not secure.asked


def test_headers_that_trickle_over_tls_end_at_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(FakeHub(tls=certificate(tmp_path))) as secure:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "hub.crt"))
        secure.misbehave("revisions", "endless_headers")
        begin = time.monotonic()
        with pytest.raises(HubDown):
            client.connect(secure.endpoint, seconds=0.5).tags(MODEL)
        assert time.monotonic() - begin < 10


def test_the_token_is_never_sent_where_it_can_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent: list[dict[str, str]] = []

    def get(_self: object, _url: str, **given: object) -> object:
        sent.append(dict(given["headers"]))  # type: ignore[call-overload]
        raise OSError("this test has no network")

    monkeypatch.setattr("requests.Session.get", get)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine hub.example login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for endpoint in ("http://hub.example", "https://hub.example"):
        with pytest.raises(HubDown):
            client.connect(endpoint, TOKEN).tags(MODEL)
    assert "Authorization" not in sent[0], "plain http to another machine"
    assert sent[1]["Authorization"] == f"Bearer {TOKEN}"


def test_a_login_of_the_library_in_the_home_folder_is_not_used(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", TOKEN)
    fake.publish(MODEL, "v1", FILES)
    client.connect(fake.endpoint).tags(MODEL)
    assert "Authorization" not in fake.asked[0].headers


def test_the_endpoint_may_come_from_the_environment(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", fake.endpoint)
    assert client.connect().endpoint == fake.endpoint
    monkeypatch.delenv("MODELSCOPE_ENDPOINT")
    assert client.connect().endpoint.startswith("https://")


def test_no_secret_shows_in_a_hub(hub: Hub) -> None:
    assert TOKEN not in repr(hub)


@pytest.mark.parametrize("address", ["ftp://a/b", "http://", "http://user:pass@host", "https://host:port"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(HubTrouble):
        Origin.of(address)


def test_a_file_without_a_digest_is_refused(fake: FakeHub, hub: Hub) -> None:
    fake.entry = {"Sha256": ""}
    with pytest.raises(NoDigest, match=r"model\.onnx|config\.json"):
        hub.files(MODEL, "v1.9.0", frozenset(FILES))


@pytest.mark.parametrize("entry", [{"Size": -1}, {"Size": 2**60}, {"Size": "many"}, {"Type": 7}])
def test_an_entry_of_another_shape_is_a_bad_answer(fake: FakeHub, hub: Hub, entry: dict[str, object]) -> None:
    fake.entry = entry
    with pytest.raises(BadAnswer, match=r"not what the hub documents"):
        hub.files(MODEL, "v1.9.0", frozenset(FILES))


def test_a_strange_name_among_other_files_is_none_of_ours(fake: FakeHub, hub: Hub) -> None:
    fake.publish(MODEL, "v2", {**FILES, "../../etc/passwd": b"x", "/root": b"x"})
    found, names = hub.files(MODEL, "v2", frozenset(FILES))
    assert set(found) == set(FILES)
    assert "../../etc/passwd" in names
    with pytest.raises(BadAnswer, match=r"Path"):
        hub.files(MODEL, "v2", frozenset({"../../etc/passwd"}))
