"""What takes the memory of a card."""

from dataclasses import replace

from numeric_profiles import image_net, profile, short_of_memory

from ascend_assets.diagnosis.observers import memory


def test_a_shortage_is_told_in_figures() -> None:
    (fact,) = list(memory.observe(short_of_memory(image_net(), 50_000)))
    assert (fact.values["needed_mib"], fact.values["available_mib"], fact.values["cards"]) == (50_000, 21_000, 3)
    assert float(fact.values["weights_share"]) < 0.01
    assert fact.from_ == "verdicts"


def test_what_fits_is_no_fact() -> None:
    assert not list(memory.observe(replace(image_net(), profile=profile())))
    assert not list(memory.observe(image_net()))


def test_weights_count_as_the_device_stores_them() -> None:
    narrow = memory._weights(image_net())
    assert narrow == 8 * 3 * 3 * 3 * 2
    assert memory._weights(image_net(precision_mode="must_keep_origin_dtype")) == 2 * narrow
