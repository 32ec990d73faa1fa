import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemometric.errors import EcgError
from hemometric.store import content_hashes, to_microvolts
from hemometric.store.shards import encode_shard, find_shard, gather, to_millivolts

MICROVOLTS = arrays(np.int16, (2, 3, 4), elements=st.integers(-32767, 32767))


@given(microvolts=MICROVOLTS)
def test_microvolts_survive_the_way_to_millivolts_and_back(microvolts):
    np.testing.assert_array_equal(to_microvolts(to_millivolts(microvolts)), microvolts)


def test_millivolts_are_rounded_to_the_nearest_microvolt():
    found = to_microvolts(np.array([[0.0004, 0.0006, -0.0006, 1.2344, 32.767, -32.767]], dtype=np.float32))
    assert found.tolist() == [[0, 1, -1, 1234, 32767, -32767]]


@pytest.mark.parametrize("sample", [32.768, -32.769, 1e9, np.nan, np.inf, -np.inf])
def test_what_does_not_fit_is_refused_and_never_wraps(sample):
    with pytest.raises(EcgError, match=r"expected at most 32\.767 mV") as caught:
        to_microvolts(np.array([[0.0, sample]], dtype=np.float32))
    assert caught.value.code == "out-of-range"


@given(microvolts=MICROVOLTS)
def test_a_shard_file_is_what_numpy_writes(microvolts):
    file = io.BytesIO()
    np.save(file, microvolts)
    assert b"".join(encode_shard(microvolts)) == file.getvalue()


def test_a_shard_in_fortran_order_is_written_in_c_order(tmp_path):
    microvolts = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    (tmp_path / "s.npy").write_bytes(b"".join(encode_shard(np.asfortranarray(microvolts))))
    assert find_shard(tmp_path / "s.npy").shape == (2, 3, 4)
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), microvolts)


@given(rows=st.lists(st.integers(0, 8), max_size=30))
def test_gathering_equals_indexing_one_array(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("shards")
    everything = np.random.default_rng(0).integers(-9, 9, (9, 2, 5)).astype(np.int16)
    first_rows = np.array([0, 2, 6, 9])
    shards = []
    for number, (start, end) in enumerate(itertools.pairwise(first_rows)):
        (folder / f"{number}.npy").write_bytes(b"".join(encode_shard(everything[start:end])))
        shards.append(find_shard(folder / f"{number}.npy"))
    out = np.full((len(rows), 2, 5), -1, dtype=np.int16)
    gather(shards, first_rows=first_rows, rows=np.array(rows, dtype=np.int64), out=out)
    np.testing.assert_array_equal(out, everything[rows] if rows else out)


def test_equal_samples_have_equal_hashes_and_others_have_not():
    microvolts = np.random.default_rng(0).integers(-9, 9, (3, 8, 50)).astype(np.int16)
    microvolts[2] = microvolts[0]
    first, second, third = content_hashes(microvolts)
    assert first == third != second
    assert len(first) == 32
    assert content_hashes(np.asfortranarray(microvolts)) == [first, second, third]


def test_a_content_hash_is_stable():
    assert content_hashes(np.arange(8, dtype=np.int16).reshape(1, 8, 1)) == ["6ba866520d5b41853627ff9a283137bc"]
