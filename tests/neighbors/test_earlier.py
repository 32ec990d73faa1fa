import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hemometric.neighbors import comparison, mine, neighbors_path, step
from hemometric.neighbors.earlier import _find
from hemometric.store import ECGS_SCHEMA, Store, StoreSettings, StoreWriter, to_microvolts


@pytest.fixture(scope="session")
def write_part_of(small_store):
    """Return a function that writes some rows of the small store as a store, with changes to their table."""

    def write(path, rows, changes=lambda table: table):
        leads = small_store.take_independent(rows)
        settings = StoreSettings(
            sampling_rate_hz=small_store.sampling_rate_hz,
            n_samples=small_store.n_samples,
            stored_leads=small_store.manifest.stored_leads,
            simulated=True,
        )
        writer = StoreWriter.open(path, settings=settings, resume=False)
        table = changes(small_store.ecgs.select(ECGS_SCHEMA.names).take(rows)).cast(ECGS_SCHEMA)
        writer.write_shard(to_microvolts(leads), table, rejects=[], cursor={})
        writer.finish()
        return Store.open(path)

    return write


def neighbors_of(store, distance):
    columns = [("others_only", "ascending"), ("ecg_id", "ascending"), ("rank", "ascending")]
    return pq.read_table(neighbors_path(store.path, distance)).sort_by(columns).replace_schema_metadata(None)


def grow(small, large, distance, **options):
    """Mine the small store, give what was found to the large one, and mine that."""
    mine(small, distance=distance, **options)
    (large.path / "neighbors").mkdir()
    for file in (small.path / "neighbors").iterdir():
        (large.path / "neighbors" / file.name).write_bytes(file.read_bytes())
    return mine(large, distance=distance, **options)


@pytest.mark.parametrize("distance", ["beat-dtw", "beat-euclidean", "features", "dtw"])
def test_adding_ecgs_finds_what_mining_anew_finds_and_compares_only_what_is_new(
    write_part_of, tmp_path, monkeypatch, distance
):
    everything = np.arange(120)
    fresh, small = write_part_of(tmp_path / "fresh", everything), write_part_of(tmp_path / "small", everything[:100])
    large = write_part_of(tmp_path / "large", everything)
    mine(fresh, distance=distance, n_neighbors=4, n_candidates=120)
    compared, compare = [], comparison.compare
    monkeypatch.setattr(step, "measure_recall", lambda *_: (1.0, 1.0))
    monkeypatch.setattr(step, "measure_rate", lambda *_: 1.0)

    def counting(archive, plan, anchor, others, **options):
        compared.append((len(archive.rows), anchor, set(others.tolist())))
        return compare(archive, plan, anchor, others, **options)

    monkeypatch.setattr(comparison, "compare", counting)
    grow(small, large, distance, n_neighbors=4, n_candidates=120)
    assert neighbors_of(large, distance).equals(neighbors_of(fresh, distance))
    of_large = [(anchor, others) for n, anchor, others in compared if n == 120]
    assert len(of_large) == 120
    for anchor, others in of_large:
        assert anchor >= 100 or others <= set(range(100, 120))


def test_ecgs_that_lost_a_neighbour_are_searched_anew(write_part_of, tmp_path):
    kept = np.delete(np.arange(120), np.arange(30, 50))
    all_of_them, fewer = write_part_of(tmp_path / "all", np.arange(120)), write_part_of(tmp_path / "fewer", kept)
    fresh = write_part_of(tmp_path / "fresh", kept)
    mine(fresh, distance="features", n_neighbors=4)
    grow(all_of_them, fewer, "features", n_neighbors=4)
    assert neighbors_of(fewer, "features").equals(neighbors_of(fresh, "features"))


@pytest.mark.parametrize("column", ["patient_id", "content_hash"])
def test_an_ecg_that_changed_is_new(write_part_of, tmp_path, column):
    def change(table):
        values = table[column].to_pylist()
        values[7] = values[90]
        return table.set_column(table.column_names.index(column), column, pa.array(values))

    rows = np.arange(100)
    before, after = write_part_of(tmp_path / "before", rows), write_part_of(tmp_path / "after", rows, change)
    fresh = write_part_of(tmp_path / "fresh", rows, change)
    mine(fresh, distance="features", n_neighbors=4)
    grow(before, after, "features", n_neighbors=4)
    assert neighbors_of(after, "features").equals(neighbors_of(fresh, "features"))


def test_neighbours_of_another_plan_are_not_gone_on_with(write_part_of, tmp_path, capsys):
    small, large = write_part_of(tmp_path / "small", np.arange(80)), write_part_of(tmp_path / "large", np.arange(100))
    mine(small, distance="features", n_neighbors=2)
    found = grow(small, large, "features", n_neighbors=3)
    assert found.recall == 1.0
    assert neighbors_of(large, "features").num_rows == 2 * 3 * 100


def test_what_is_not_there_is_found_nowhere():
    np.testing.assert_array_equal(_find(np.array(["b", "a"]), np.array(["a", "c", "b"])), [1, -1, 0])
    np.testing.assert_array_equal(_find(np.array([], dtype=np.str_), np.array(["a"])), [-1])
