"""Which store an address means."""

from pathlib import Path

import pytest

from resources.home import home, prepare
from resources.store.folder import FolderStore
from resources.store.objects import BadSetting
from resources.store.opening import open_store
from resources.store.s3 import S3Store


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ASCEND_STORE", "DAGSTER_HOME", "ASCEND_S3_ATTEMPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "state" / "dagster"))
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_folder_is_a_store(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    assert isinstance(store, FolderStore)
    assert store.root == tmp_path / "store"


def test_a_bucket_is_a_store_that_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("s3://models/registry")
    assert isinstance(store, S3Store)
    assert str(store.address) == "s3://models/registry"
    assert open_store("s3://models/registry") is store
    assert open_store("s3://models/other") is not store
    monkeypatch.setenv("ASCEND_S3_ATTEMPTS", "2")
    assert open_store("s3://models/registry") is not store


@pytest.mark.parametrize("address", ["gs://bucket/x", "http://host/x", "s3://", "s3://UPPER", "file:///tmp"])
def test_what_is_no_store_is_refused(address: str) -> None:
    with pytest.raises(BadSetting, match="s3://bucket/prefix"):
        open_store(address)


def test_a_bad_setting_is_told_when_the_store_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_S3_ATTEMPTS", "0")
    with pytest.raises(BadSetting, match="ASCEND_S3_ATTEMPTS"):
        open_store("s3://models/registry")


def test_the_store_at_home_is_an_address(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home().store == str(state / "store")
    assert home().store_folder == state / "store"
    monkeypatch.chdir(state.parent)
    monkeypatch.setenv("ASCEND_STORE", "relative")
    assert home().store_folder == state.parent / "relative"
    monkeypatch.setenv("ASCEND_STORE", "s3://models/registry")
    assert home().store == "s3://models/registry"
    assert home().store_folder is None


def test_preparing_makes_the_folders_that_there_are(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(state.parent)
    monkeypatch.setenv("ASCEND_STORE", "s3://models/registry")
    prepare()
    assert not (state / "store").exists()
    assert not (state.parent / "s3:").exists()
    monkeypatch.delenv("ASCEND_STORE")
    prepare()
    assert (state / "store").is_dir()


def test_in_a_cluster_a_folder_is_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_PROFILE", "k8s")
    with pytest.raises(BadSetting, match="which other pods do not see: in profile k8s set ASCEND_STORE to s3://"):
        open_store(str(tmp_path / "store"))
    assert isinstance(open_store("s3://models/registry"), S3Store)
