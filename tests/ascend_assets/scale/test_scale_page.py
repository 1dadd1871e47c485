"""docs/scale.md says what the command says."""

import scale_doc

from ascend_assets.cluster import cluster_file
from ascend_assets.scale import in_cluster
from ascend_assets.scale.demand import Demand
from ascend_assets.scale.figures import overheads
from ascend_assets.scale.plan import plan
from ascend_assets.scale.typical import shipped

PAGE = scale_doc.PAGE.read_text(encoding="utf-8")


def test_its_tables_are_what_the_command_prints_now() -> None:
    """Fails after a change of figures: then `python tests/support/scale_doc.py`, and read the text around them."""
    assert scale_doc.tables(PAGE) == 3
    assert scale_doc.made_anew(PAGE) == PAGE


def test_a_table_that_is_out_of_date_is_noticed() -> None:
    changed = PAGE.replace("candidates a day: 1,000", "candidates a day: 999")
    assert changed != PAGE
    assert scale_doc.made_anew(changed) == PAGE


def test_it_says_of_every_limit_what_to_do() -> None:
    demand = Demand(10, {"Ascend310P3": 1.0}, 10.0)
    found = plan(demand, (shipped(demand.targets),), in_cluster.of(cluster_file.in_force(), overheads()))
    for ceiling in found.ceilings:
        assert f"**{ceiling.what}**" in PAGE, ceiling.what
