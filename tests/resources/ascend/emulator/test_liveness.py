"""Device memory: what is alive at once, and no more."""

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.held_out_models import bert_base
from benchmarks.reference_models import resnet50, vgg16
from resources.ascend.emulator.liveness import memory_bytes
from resources.ascend.emulator.workload import Access, Work, works
from resources.onnx_files.graph import view

MB = 1 << 20


def step(taken: str, made: str, size: int = MB, *, free: bool = False, weights: int = 0) -> Work:
    return Work("s", "Relu", reads=(Access(taken, size),), writes=(Access(made, size),), free=free, weights=weights)


@settings(deadline=None)
@given(st.integers(2, 40))
def test_a_chain_needs_two_tensors_however_long_it_is(length: int) -> None:
    chain = [step(f"t{i}", f"t{i + 1}") for i in range(length)]
    assert memory_bytes(chain) == 2 * MB + 2 * MB


def test_a_skip_connection_stays_until_its_last_reader() -> None:
    chain = [step("a", "b"), step("b", "c"), step("c", "d")]
    last = Work("j", "Add", reads=(Access("a", MB), Access("d", MB)), writes=(Access("e", MB),))
    assert memory_bytes([*chain, last]) == memory_bytes(chain) + MB


def test_a_renamed_tensor_is_one_tensor() -> None:
    renamed = [step("a", "b"), step("b", "c", free=True), step("c", "d")]
    assert memory_bytes(renamed) == memory_bytes([step("a", "b"), step("b", "d")])


def test_weights_are_all_there_all_the_time() -> None:
    assert memory_bytes([step("a", "b", weights=MB), step("b", "c", weights=MB)]) == 4 * MB + 2 * MB


def test_nothing_needs_nothing() -> None:
    assert memory_bytes([]) == 0


def test_networks_need_their_weights_and_an_embedding_its_table() -> None:
    for build, parameters in ((resnet50, 25.5e6), (vgg16, 138.3e6), (bert_base, 109.1e6)):
        needed = memory_bytes(works(view(build(1)), {}))
        assert 2 * parameters < needed < 2 * parameters + 60e6


def test_memory_grows_with_the_batch() -> None:
    needed = [memory_bytes(works(view(resnet50(batch)), {})) for batch in (1, 2, 8, 32)]
    assert needed == sorted(needed)
