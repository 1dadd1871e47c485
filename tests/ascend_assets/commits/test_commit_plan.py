"""However small the steps, every candidate is asked for once, and none is lost."""

from collections import Counter
from collections.abc import Iterable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.commits.affected import Concerned
from ascend_assets.commits.cursor import MAX_UNDEPLOYED, Begun, Undeployed
from ascend_assets.commits.deploying import Deploying
from ascend_assets.commits.plan import Pending, Room, Wish, decide

FREE = Room(queued={}, asked=())


def pending(ref: str, *commits: tuple[str, str]) -> list[Pending]:
    """(commit, its models' letters)."""
    return [Pending(ref, commit, tuple(Concerned(name, same=True) for name in names)) for commit, names in commits]


def asked(wishes: Iterable[Wish]) -> list[tuple[str, str]]:
    return [(wish.commit, wish.model) for wish in wishes]


def test_commits_are_asked_for_from_the_oldest_on() -> None:
    made = decide({"m": pending("m", ("1", "a"), ("2", ""), ("3", "ab"))}, {}, FREE, skip_superseded=False)
    assert asked(made.wishes) == [("1", "a"), ("3", "a"), ("3", "b")]
    assert made.handled == {"m": "3"}
    assert (made.waiting, made.begun, made.full) == (0, {}, ())


def test_a_full_queue_holds_its_model_back_and_the_branch_with_it() -> None:
    room = Room(queued={"a": 2}, asked=(), queue=2)
    made = decide({"m": pending("m", ("1", "ab"), ("2", "b"))}, {}, room, skip_superseded=False)
    assert asked(made.wishes) == [("1", "b")]
    assert made.handled == {}
    assert made.begun == {"m": Begun(commit="1", models=("b",))}
    assert (made.waiting, made.full) == (2, ("a",))
    later = decide({"m": pending("m", ("1", "ab"), ("2", "b"))}, made.begun, FREE, skip_superseded=False)
    assert asked(later.wishes) == [("1", "a"), ("2", "b")]


def test_one_branch_that_waits_holds_no_other_back() -> None:
    room = Room(queued={"a": 9}, asked=(), queue=2)
    branches = {"m": pending("m", ("1", "a")), "n": pending("n", ("2", "b"))}
    made = decide(branches, {}, room, skip_superseded=False)
    assert asked(made.wishes) == [("2", "b")]
    assert made.handled == {"n": "2"}


def test_a_superseded_commit_is_told_and_not_asked_for() -> None:
    branches = {"m": pending("m", ("1", "ab"), ("2", "a")), "n": pending("n", ("1", "ab"))}
    made = decide(branches, {}, FREE, skip_superseded=True)
    assert asked(made.wishes) == [("1", "b"), ("2", "a"), ("1", "a")], "on n it is the newest"
    assert made.superseded == (("m", "1", "a"),)
    assert made.handled == {"m": "2", "n": "1"}


def other(ref: str, *commits: tuple[str, str]) -> list[Pending]:
    """(commit, its models' letters), of which the loaded definitions are not theirs."""
    return [Pending(ref, commit, tuple(Concerned(name, same=False) for name in names)) for commit, names in commits]


def note(ref: str, model: str, commit: str) -> Undeployed:
    return Undeployed(ref=ref, model=model, commit=commit)


def test_where_a_commit_has_to_be_deployed_first_it_is_noted_and_its_branch_goes_on() -> None:
    branches = {"m": [*other("m", ("1", "a")), *pending("m", ("2", "b"))]}
    made = decide(branches, {}, FREE, skip_superseded=False, deploying=Deploying())
    assert asked(made.wishes) == [("2", "b")]
    assert made.handled == {"m": "2"}
    assert made.undeployed == (note("m", "a", "1"),)
    assert decide(branches, {}, FREE, skip_superseded=False).undeployed == (), "elsewhere it is asked for"


def test_a_newer_commit_of_the_branch_takes_its_place_whether_it_waits_or_is_built() -> None:
    waiting = Deploying((note("m", "a", "1"), note("n", "a", "1"), note("m", "b", "1")))
    made = decide({"m": other("m", ("2", "a"))}, {}, FREE, skip_superseded=False, deploying=waiting)
    assert set(made.undeployed) == {note("m", "a", "2"), note("n", "a", "1"), note("m", "b", "1")}
    built = decide({"m": pending("m", ("2", "a"))}, {}, FREE, skip_superseded=False, deploying=waiting)
    assert set(built.undeployed) == {note("n", "a", "1"), note("m", "b", "1")}


def test_what_is_deployed_is_asked_for_once_by_the_loaded_assets() -> None:
    ready = (note("m", "a", "1"), note("n", "a", "1"), note("m", "b", "1"))
    room = Room(queued={}, asked={("1", "b")})
    made = decide({}, {}, room, skip_superseded=False, deploying=Deploying(ready, ready))
    assert made.wishes == (Wish("m", "1", "a", same=True),)
    assert made.undeployed == ()


def test_what_is_deployed_waits_for_room_like_anything_else() -> None:
    ready = (note("m", "a", "1"), note("m", "b", "1"))
    room = Room(queued={"a": 2}, asked=(), queue=2)
    made = decide({}, {}, room, skip_superseded=False, deploying=Deploying(ready, ready))
    assert asked(made.wishes) == [("1", "b")]
    assert (made.undeployed, made.waiting, made.full) == ((note("m", "a", "1"),), 1, ("a",))


def test_something_newer_goes_before_what_has_become_ready() -> None:
    ready = (note("m", "a", "1"),)
    made = decide({"m": pending("m", ("2", "a"))}, {}, FREE, skip_superseded=False, deploying=Deploying(ready, ready))
    assert asked(made.wishes) == [("2", "a")]
    assert made.undeployed == ()


def test_no_more_than_so_many_wait_for_a_deployment_and_then_their_branch_does() -> None:
    full = tuple(note("m", f"model_{number}", "1") for number in range(MAX_UNDEPLOYED))
    branches = {"n": other("n", ("2", "ab"), ("3", "a"))}
    made = decide(branches, {}, FREE, skip_superseded=False, deploying=Deploying(full[1:]))
    assert len(made.undeployed) == MAX_UNDEPLOYED
    assert made.begun == {"n": Begun(commit="2", models=("a",))}
    assert (made.handled, made.waiting) == ({}, 2)
    later = decide(branches, made.begun, FREE, skip_superseded=False, deploying=Deploying())
    assert later.undeployed == (note("n", "b", "2"), note("n", "a", "3"))
    assert later.handled == {"n": "3"}, "nothing was lost"


MODELS = "abc"
histories = st.dictionaries(
    st.sampled_from(["m", "n", "o"]),
    st.lists(st.tuples(st.sampled_from("123456789"), st.sets(st.sampled_from(MODELS)).map(sorted)), max_size=6),
    max_size=3,
)


@settings(deadline=None, max_examples=100)
@given(histories=histories, requests=st.integers(1, 4), queue=st.integers(1, 3), skip=st.booleans(), seed=st.integers())
def test_in_however_many_ticks_each_is_asked_for_once_and_every_branch_is_handled(
    *, histories: dict[str, list[tuple[str, list[str]]]], requests: int, queue: int, skip: bool, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - no secret
    changes = {c: names for commits in histories.values() for c, names in commits}
    branches = {
        ref: pending(ref, *((c, "".join(changes[c])) for c in dict.fromkeys(c for c, _ in commits)))
        for ref, commits in histories.items()
    }
    left, begun, done = dict(branches), dict[str, Begun](), Counter[tuple[str, str]]()
    for _ in range(200):
        queued = {name: chance.randint(0, queue) for name in MODELS}
        room = Room(queued=queued, asked=set(done), requests=requests, queue=queue)
        made = decide(left, begun, room, skip_superseded=skip)
        assert len(made.wishes) <= requests
        assert all(queued[name] + n <= queue for name, n in Counter(w.model for w in made.wishes).items())
        lost = chance.random() < 0.2  # the tick came to nothing after some of its runs
        wished = asked(made.wishes)
        done.update(wished[: len(wished) // 2] if lost else wished)
        if lost:
            continue
        begun = dict(made.begun)
        for ref, commit in made.handled.items():
            places = [each.commit for each in left[ref]]
            left[ref] = left[ref][places.index(commit) + 1 :]
        if not any(left.values()):
            break
    assert not any(left.values())
    assert set(done.values()) <= {1}
    everything = {(each.commit, one.model) for commits in branches.values() for each in commits for one in each.models}
    newest = {
        ({one.model: each.commit for each in commits for one in each.models}[name], name)
        for commits in branches.values()
        for name in {one.model for each in commits for one in each.models}
    }
    assert set(done) == everything if not skip else newest <= set(done) <= everything
