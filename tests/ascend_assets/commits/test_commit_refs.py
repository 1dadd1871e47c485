"""What is followed, what counts as handled, and what a cursor keeps, are bounded."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.commits import cursor as cursors
from ascend_assets.commits import refs
from ascend_assets.commits.affected import touched
from ascend_assets.commits.cursor import MAX_GONE, MAX_POISONED, Cursor
from ascend_assets.commits.requests import tag_of
from resources.git_remote import Tip

TIP = Tip("1" * 40, "1" * 40)


def test_patterns_choose_branches_and_tags_apart() -> None:
    tips = dict.fromkeys(["heads/main", "heads/release/1", "heads/v1", "tags/v1", "tags/main"], TIP)
    assert set(refs.chosen(tips, ["main", "release/*"], ["v*"], ()).tips) == {
        "heads/main",
        "heads/release/1",
        "tags/v1",
    }
    assert refs.chosen(tips, [], [], ()).tips == {}
    assert set(refs.chosen(tips, ["*"], [], ()).tips) == {"heads/main", "heads/release/1", "heads/v1"}


def test_of_too_many_those_stay_that_were_followed() -> None:
    tips = {f"heads/{number:05}": TIP for number in range(refs.MAX_FOLLOWED + 7)}
    last = sorted(tips)[-3:]
    chosen = refs.chosen(tips, ["*"], [], last)
    assert len(chosen.tips) == refs.MAX_FOLLOWED
    assert chosen.beyond == 7
    assert set(last) <= set(chosen.tips)


def test_each_tick_begins_where_the_last_one_stopped() -> None:
    tips = dict.fromkeys(["heads/a", "heads/b", "heads/c"], TIP)
    cursor = Cursor(refs={"heads/b": TIP.commit}, following="heads/b")
    assert refs.moved(cursor, tips) == ("heads/c", "heads/a")


def test_where_new_commits_begin() -> None:
    known = {"old", "other"}
    assert refs.new_commits("heads/m", "old", ["old", "other"], known).handled == ("old",)
    new = refs.new_commits("heads/n", None, ["old", "other", "gone"], known)
    assert (new.handled, new.limit, new.told) == (("old", "other"), 0, "")
    nothing = refs.new_commits("heads/n", None, ["gone"], known)
    assert (nothing.handled, nothing.limit) == ((), 1)
    assert "only its last commit" in nothing.told
    lost = refs.new_commits("heads/m", "gone", ["gone", "other"], known)
    assert (lost.handled, lost.limit) == (("other",), refs.UNKNOWN_HISTORY)
    assert "is gone" in lost.told


def test_a_deleted_branch_leaves_what_was_handled_for_a_while() -> None:
    cursor = Cursor(refs={f"heads/{number}": f"{number}" for number in range(MAX_GONE + 5)}, following="x")
    left = refs.forgotten(cursor, {"heads/3": TIP})
    assert left.refs == {"heads/3": "3"}
    assert len(left.gone) == MAX_GONE
    assert refs.forgotten(left, {"heads/3": TIP}) == left


def test_what_is_poisoned_is_bounded_and_said_once() -> None:
    cursor = Cursor()
    for number in range(MAX_POISONED + 5):
        cursor = cursor.passed_over(str(number), "", "x" * 1000, "now").passed_over(str(number), "", "again", "now")
    assert len(cursor.poisoned) == MAX_POISONED
    assert len(cursor.poisoned[0].why) == 300
    assert not cursor.is_passed_over("0")
    assert cursor.is_passed_over(str(MAX_POISONED))
    assert not cursor.passed_over("one", "model", "", "").is_passed_over("one")


def test_tries_are_counted_for_one_commit() -> None:
    cursor = Cursor().tried("m", "1", "a").tried("m", "1", "b")
    assert cursor.stuck["m"].tries == 2
    assert cursor.tried("m", "2", "c").stuck["m"].tries == 1
    assert cursor.relieved("m").stuck == {}


def test_a_cursor_survives_what_a_later_version_added() -> None:
    cursor = Cursor(refs={"heads/m": "1"}, waiting=3).troubled("down", 0.0)
    text = cursor.model_dump_json(exclude_defaults=True)
    assert cursors.read(text) == cursor
    assert cursors.read(text[:-1] + ',"later":1}') == cursor
    assert cursors.read(text[:-1]) == Cursor()


@settings(deadline=None)
@given(st.text(min_size=1, max_size=300))
def test_every_branch_has_a_tag_that_dagster_takes(name: str) -> None:
    from dagster._utils.tags import is_valid_strict_tag_value

    tag = tag_of(f"heads/{name}")
    assert is_valid_strict_tag_value(tag)
    assert (tag == name) == is_valid_strict_tag_value(name)


def test_a_path_concerns_a_model_by_whole_names() -> None:
    watches = {"a": ["shared/"], "ab": [], "c": ["one.txt"]}
    assert touched(["d/a/x"], "d", watches) == {"a"}
    assert touched(["d/ab/x", "d/gone/x", "d"], "d", watches) == {"ab"}
    assert touched(["shared/deep/x"], "d", watches) == {"a"}
    assert touched(["shared2/x", "one.txt2", "x/one.txt"], "d", watches) == frozenset()
    assert touched(["one.txt", "shared"], "d", watches) == {"a", "c"}
