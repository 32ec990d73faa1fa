import pytest

from hemometric.bench.results import make_result, results_text


@pytest.mark.parametrize(("metric", "ratio"), [("pairs/s", 0.5), ("ms", 2.0)])
def test_a_ratio_above_one_means_that_ours_is_faster(metric, ratio):
    result = make_result(("name", "case", metric), [1.0, 2.0, 9.0], [4.0, 4.0, 4.0], peer_name="peer")
    assert result["ratio"] == ratio
    assert result["ours"] == {"median": 2.0, "min": 1.0, "max": 9.0}
    assert result["repeats"] == 3


def test_one_turn_is_its_own_median_least_and_most():
    result = make_result(("name", "case", "ECG/s"), [3.0], [4.0], peer_name="peer")
    assert result["ours"] == {"median": 3.0, "min": 3.0, "max": 3.0}
    assert result["repeats"] == 1


def test_the_table_names_every_count_of_turns_and_threads_and_hides_no_slower_side():
    label = ("name", "case", "ECG/s")
    results = [
        make_result(label, [96.0], [100.0], peer_name="one", threads=2),
        make_result(label, [250.0] * 7, [10.0] * 7, peer_name="other", threads=1),
    ]
    first, second, last = results_text(results).splitlines()
    assert first.endswith("one 100 [100, 100] ECG/s: 0.96 times as fast")
    assert second.endswith("other 10 [10, 10] ECG/s: 25 times as fast")
    assert "of 1 or 7 turns, 1 or 2 threads" in last


def test_nothing_measured_is_an_empty_table():
    assert results_text([]) == ""
