"""The plots of the furthest features show both sides, stay small, and let no name become markup."""

import base64
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from drifting import compared

from ascend_assets.dossier.charts.svg import data_uri
from ascend_assets.drift.charts import bars, distributions
from ascend_assets.drift.judge import Compared

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=4000)
FEATURES = {
    "numbers": compared(NORMAL, NORMAL + 3),
    "levels": compared(RNG.integers(0, 17, 900) / 16, RNG.integers(0, 17, 500) / 16),
    "categories": compared(RNG.integers(0, 90, 900), RNG.integers(40, 130, 500), integer=True),
    "a constant": compared(np.zeros(900), np.ones(30)),
    "nothing known": compared(np.full(40, np.nan), np.full(30, np.nan)),
    "holes": compared(NORMAL, np.where(RNG.random(4000) < 0.5, np.nan, NORMAL)),
    "infinities": compared(NORMAL, np.full(5, np.inf)),
}


@pytest.mark.parametrize("one", FEATURES.values(), ids=list(FEATURES))
def test_the_bars_of_a_side_are_all_of_it(one: Compared) -> None:
    found = bars(one)
    assert len(found) <= 18
    assert sum(p for _, p, _ in found) == pytest.approx(1)
    assert sum(q for _, _, q in found) == pytest.approx(1)


def test_what_lies_outside_the_reference_stands_at_the_ends() -> None:
    found = bars(FEATURES["numbers"])
    assert found[-1][0].startswith("above")
    assert found[-1][2] > 0.5
    assert bars(FEATURES["a constant"])[-1] == ("unseen", 0.0, 1.0)
    assert bars(FEATURES["holes"])[-1][2] == pytest.approx(0.5, abs=0.05)


def test_an_image_of_four_is_small_and_whole() -> None:
    svg = distributions(list(FEATURES.values())[:4])
    ET.fromstring(svg)  # noqa: S314 - our own text
    assert len(data_uri(svg)) < 50_000
    assert svg.count("<rect") > 40


def test_without_a_feature_it_says_so() -> None:
    assert "No feature has been compared" in distributions([])


def test_a_name_is_no_markup() -> None:
    hostile = '"><script>alert(1)</script>'
    one = compared(NORMAL, NORMAL, name=hostile)
    svg = distributions([one])
    ET.fromstring(svg)  # noqa: S314 - our own text
    assert "<script" not in svg
    uri = data_uri(svg)
    assert "<script" not in base64.b64decode(uri.partition(",")[2]).decode()
