"""What a candidate is made of beside a commit is told to whoever decides on it."""

from sandbox import Sandbox

from ascend_assets.assets import causes
from ascend_assets.records import HubFiles, SourceRecord
from resources.store.blobs import Artefact


def record(**more: HubFiles) -> SourceRecord:
    return SourceRecord(
        key="0" * 64,
        made_from={},
        model="tiny",
        candidate="20261120-1403-hub-v1.3.0",
        commit="a" * 40,
        author="Ada <ada@example.com>",
        dirty=False,
        archive=Artefact(sha256="1" * 64, size=1, name="tiny.tar"),
        **more,
    )


def test_of_a_commit_nothing_more_is_told(sandbox: Sandbox) -> None:
    assert causes.told(sandbox.tools(), sandbox.spec, record()) == {}
    assert causes.line(record()) == ()


def test_of_a_hub_its_version_and_files_are_told(sandbox: Sandbox) -> None:
    hub = HubFiles(model="somebody/tiny", revision="v1.3.0", files={"model.onnx": "2" * 64})
    assert causes.told(sandbox.tools(), sandbox.spec, record(hub=hub)) == {
        "Model hub": "somebody/tiny v1.3.0",
        "Files of the hub": "model.onnx 222222222222",
    }
    assert causes.line(record(hub=hub)) == ("somebody/tiny v1.3.0 of the model hub",)
