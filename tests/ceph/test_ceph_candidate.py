"""A whole candidate with its store on a real Ceph, by the command line; and what a user is told if it cannot be had."""

import json
from pathlib import Path

import pytest
from ceph import Ceph
from project_fixtures import make_checkout
from sandbox import Checkout

STATE = ".ascend"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path / "checkout")


def at(ceph: Ceph, bucket: str) -> dict[str, str]:
    return {**ceph.variables, "ASCEND_STORE": f"s3://{bucket}/team"}


def test_a_candidate_is_released_and_deployed_on_s3_and_read_from_there_by_another_machine(
    ceph: Ceph, bucket: str, checkout: Checkout, tmp_path: Path
) -> None:
    s3 = at(ceph, bucket)
    ran = checkout.ascend("run", "tiny", "--json", timeout=240, **s3)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["deployed"]
    assert not (checkout.root / STATE / "store").exists()
    keys = [each["Key"] for each in ceph.client().list_objects_v2(Bucket=bucket)["Contents"]]
    assert "team/models/tiny/releases/1.0.0.json" in keys
    assert "team/environments/dev/tiny/00000001.json" in keys
    assert all(key.startswith(("team/blobs/sha256/", "team/models/", "team/environments/")) for key in keys)

    elsewhere = {**s3, "ASCEND_STATE": str(tmp_path / "elsewhere")}
    listed = json.loads(checkout.ascend("model", "list", "tiny", "--json", timeout=120, **elsewhere).stdout)
    assert [(release["version"], release["live"]) for release in listed["releases"]] == [("1.0.0", ["dev"])]
    shown = checkout.ascend("show", "tiny", timeout=120, **elsewhere)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("tiny 1.0.0   live in: dev\n")
    page = next(line.split()[1] for line in shown.stdout.splitlines() if line.startswith("  dossier"))
    body = ceph.client().get_object(Bucket=bucket, Key=page.removeprefix(f"s3://{bucket}/"))["Body"].read()
    assert b"<html" in body
    assert b"tiny" in body

    again = checkout.ascend("run", "tiny", "--json", timeout=240, **s3)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["recomputed"] == [], "what was made is found in the bucket"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "access"),
        ({"ASCEND_S3_ENDPOINT": "http://127.0.0.1:9", "ASCEND_S3_ATTEMPTS": "1"}, "no answer from http://127.0.0.1:9"),
        ({"ASCEND_STORE": "s3://no-such-bucket/team"}, "no such bucket"),
        ({"ASCEND_STORE": "s3://B"}, "is no address of a store"),
    ],
)
def test_a_store_that_cannot_be_had_is_told_in_one_line(
    ceph: Ceph, bucket: str, checkout: Checkout, change: dict[str, str], why: str
) -> None:
    ended = checkout.ascend("model", "list", "tiny", timeout=120, **at(ceph, bucket) | change)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("ascend: ")
    assert ended.stderr.count("\n") == 1
    assert why in ended.stderr
