import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hemometric.ecg import INDEPENDENT_ROWS, LEADS, derive_leads
from hemometric.errors import StoreError
from hemometric.store import Store, write_store_table


def take_slowly(microvolts, rows):
    """All twelve leads in mV, one ECG and one sample at a time, from the definitions."""
    out = []
    for row in rows:
        one, two, *chest = (microvolts[row].astype(np.float64) / 1000.0)[:]
        out.append([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, *chest])
    return np.array(out)


def test_rows_come_in_the_order_asked_for_with_repeats_across_shards(make_store):
    path, microvolts = make_store()
    rows = [8, 0, 3, 3, 2, 6, 0]
    taken = Store.open(path).take(rows)
    assert taken.dtype == np.float32
    np.testing.assert_allclose(taken, take_slowly(microvolts, rows), rtol=0, atol=2e-6)


def test_independent_leads_are_stored_to_the_microvolt(make_store):
    path, microvolts = make_store()
    taken = Store.open(path).take_independent(np.arange(9))
    np.testing.assert_array_equal(np.rint(taken.astype(np.float64) * 1000), microvolts)
    np.testing.assert_array_equal(taken, (microvolts.astype(np.float64) / 1000).astype(np.float32))


def test_take_derives_from_the_independent_leads(make_store):
    store = Store.open(make_store()[0])
    np.testing.assert_array_equal(store.take(range(9)), derive_leads(store.take_independent(range(9))))


def test_twelve_stored_leads_come_back_as_they_are(make_store):
    path, microvolts = make_store(stored_leads=LEADS)
    store = Store.open(path)
    np.testing.assert_array_equal(np.rint(store.take([4, 1]) * 1000), microvolts[[4, 1]])
    np.testing.assert_array_equal(store.take_independent([4]), store.take([4])[:, INDEPENDENT_ROWS])


def test_more_rows_than_are_derived_at_a_time_are_all_there(make_store):
    path, microvolts = make_store((70, 70))
    rows = np.random.default_rng(3).permutation(140)
    np.testing.assert_allclose(Store.open(path).take(rows), take_slowly(microvolts, rows), rtol=0, atol=2e-6)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.integers(0, 8), max_size=20))
def test_any_list_of_rows_gives_what_row_by_row_reading_gives(make_store, tmp_path, rows):
    path = tmp_path / "store" if (tmp_path / "store").exists() else make_store()[0]
    store = Store.open(path)
    one_by_one = [store.take_independent([row])[0] for row in rows]
    np.testing.assert_array_equal(store.take_independent(rows), np.reshape(one_by_one, (len(rows), 8, 50)))


def test_no_rows_give_an_empty_array(make_store):
    store = Store.open(make_store()[0])
    assert store.take([]).shape == (0, 12, 50)
    assert store.take_independent(np.zeros(0, dtype=np.int64)).shape == (0, 8, 50)


@pytest.mark.parametrize(
    ("rows", "message"),
    [([9], r"0\.\.8, got 9\.\.9"), ([-1], r"0\.\.8"), ([0.5], "whole numbers"), ([True], "whole"), ([[1]], "flat")],
)
def test_a_row_that_is_not_there_is_a_wrong_call(make_store, rows, message):
    with pytest.raises(ValueError, match=message):
        Store.open(make_store()[0]).take(rows)


def test_the_table_has_the_rows_of_all_shards_in_order(make_store):
    store = Store.open(make_store()[0])
    assert len(store) == store.ecgs.num_rows == 9
    assert store.ecgs["ecg_id"].to_pylist() == [f"a/{k:04d}#0" for k in range(9)]
    assert (store.sampling_rate_hz, store.n_samples, store.simulated) == (250.0, 50, False)
    assert "9 ECGs" in repr(store)


def test_tables_that_are_not_there_are_none(make_store):
    store = Store.open(make_store()[0])
    assert store.labels() is None
    assert store.links() is None
    assert store.truth() is None


def test_splits_follow_the_patient_and_a_users_file_goes_before(make_store):
    path, _ = make_store()
    by_hash = Store.open(path).splits()
    assert len(by_hash) == 9
    assert by_hash[0] == by_hash[1]
    (path / "splits.csv").write_text("patient_id,split\n" + "".join(f"p{k},test\n" for k in range(9)))
    assert set(Store.open(path).splits()) == {"test"}


def test_the_fingerprint_is_that_of_the_ecgs_and_not_of_their_labels(make_store):
    first, second = make_store()[0], make_store(name="again")[0]
    other = make_store((3, 4, 3), name="other")[0]
    before = Store.open(first).fingerprint
    assert before == Store.open(second).fingerprint != Store.open(other).fingerprint
    write_store_table(first, "links.parquet", Store.open(first).ecgs)
    assert Store.open(first).fingerprint == before


def break_manifest(path, **changes):
    content = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(content | changes))


def cut_short(path):
    file = path / "shards" / "00001.npy"
    file.write_bytes(file.read_bytes()[:-2])


BROKEN = {
    "another version": (lambda p: break_manifest(p, schema_version=2), "schema version 2, this hemometric reads"),
    "incomplete": (lambda p: break_manifest(p, complete=False), "--resume"),
    "no manifest": (lambda p: (p / "manifest.json").unlink(), "not a hemometric store"),
    "manifest is no JSON": (lambda p: (p / "manifest.json").write_text("{"), "not a readable manifest"),
    "manifest is a list": (lambda p: (p / "manifest.json").write_text("[]"), "not a readable manifest"),
    "unknown key": (lambda p: break_manifest(p, colour="red"), "colour"),
    "nine leads": (lambda p: break_manifest(p, stored_leads=["I"] * 9), "stored_leads"),
    "rate zero": (lambda p: break_manifest(p, sampling_rate_hz=0), "sampling_rate_hz"),
    "fewer ECGs": (lambda p: break_manifest(p, n_ecgs=8), "9 ECGs in shards, but the manifest says 8"),
    "other length": (lambda p: break_manifest(p, n_samples=51), r"shape \(3, 8, 50\)"),
    "shard missing": (lambda p: (p / "shards" / "00001.npy").unlink(), "00001.npy: the shard is missing"),
    "shard cut short": (cut_short, "bytes, expected"),
    "shard is text": (lambda p: (p / "shards" / "00001.npy").write_text("x"), "not a shard"),
    "shard is float": (lambda p: np.save(p / "shards" / "00001.npy", np.zeros((4, 8, 50))), "expected int16"),
    "table missing": (lambda p: (p / "ecgs" / "00001.parquet").unlink(), "00001.parquet: not a readable table"),
    "table is text": (lambda p: (p / "ecgs" / "00001.parquet").write_text("x"), "not a readable table"),
    "table of another shard": (
        lambda p: (p / "ecgs" / "00001.parquet").write_bytes((p / "ecgs" / "00000.parquet").read_bytes()),
        r"shape \(4, 8, 50\), but manifest and table say \(3, 8, 50\)",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_store_is_refused_by_name(make_store, case):
    path, _ = make_store()
    damage, message = BROKEN[case]
    damage(path)
    with pytest.raises(StoreError, match=message) as caught:
        Store.open(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_directory_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no such directory"):
        Store.open(tmp_path / "nowhere")


def test_a_shard_that_is_cut_after_opening_is_noticed(make_store):
    path, _ = make_store()
    store = Store.open(path)
    cut_short(path)
    with pytest.raises(StoreError, match="was replaced or changed since"):
        store.take([6])
