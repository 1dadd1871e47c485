"""Two people click on Materialize of one model's assets: the second run waits for the first."""

from pathlib import Path

import dagster as dg
import pytest
from clicks import Browser
from daemon import daemon_of
from installation import Installation, commit
from webserver import running_webserver

pytestmark = pytest.mark.timeout(600)

LOCATION = "ascend_assets"


def test_two_clicks_on_one_models_assets(tmp_path: Path) -> None:
    place = Installation.make(tmp_path)
    commit(place.checkout.root, "an installation")
    with daemon_of(place.checkout) as daemon, running_webserver(place.checkout) as webserver:
        browser = Browser(webserver, LOCATION)
        daemon.start()
        daemon.wait_for("the code location is loaded", browser.sees_all)
        clicked = [browser.materialise("tiny/source", "tiny/onnx") for _ in range(2)]
        assert [run.run_id for run in daemon.runs(model="tiny")] == clicked, "known before either has begun"
        daemon.wait_for("both are over", lambda: len(daemon.ended()) == len(clicked))
        assert {run.status for run in daemon.runs()} == {dg.DagsterRunStatus.SUCCESS}
        daemon.assert_one_at_a_time("tiny")
