"""Cron expressions: read as Dagster reads them, and refused where a model's file is read."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from ascend_assets.spec_production import Retraining
from ascend_assets.training.schedule import BadSchedule, last_moment, require

NOW = datetime(2026, 11, 21, 11, 22, 33, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "moment"),
    [
        ("0 3 * * *", datetime(2026, 11, 21, 3, tzinfo=UTC)),
        ("30 11 * * *", datetime(2026, 11, 20, 11, 30, tzinfo=UTC)),
        ("@monthly", datetime(2026, 11, 1, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_the_last_moment(cron: str, moment: datetime) -> None:
    assert last_moment(cron, NOW) == moment


def test_a_moment_is_reached_when_it_comes() -> None:
    assert last_moment("0 3 * * *", datetime(2026, 11, 21, 3, tzinfo=UTC)) == datetime(2026, 11, 21, 3, tzinfo=UTC)


@pytest.mark.parametrize("cron", ["", "bad", "61 * * * *", "* * * * * *", "0 0 30 2 *", "@reboot", "0 3 * *", "; ls"])
def test_what_no_moment_fits_is_refused(cron: str) -> None:
    with pytest.raises(BadSchedule, match="no cron expression of five fields"):
        require(cron)


def test_a_models_file_with_a_bad_schedule_is_refused() -> None:
    with pytest.raises(ValidationError, match="no cron expression"):
        Retraining(schedule="61 * * * *")
    assert Retraining(schedule="").schedule == ""
    assert Retraining(schedule="0 3 * * 1").schedule == "0 3 * * 1"
