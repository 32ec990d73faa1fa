"""Embeddings of rows, stores and folders."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from hemometric.errors import ReadError, RunError
from hemometric.inference import embed, embed_rows
from hemometric.settings import PretrainSettings
from hemometric.training import pretrain


@pytest.fixture(scope="module")
def run(labelled_store, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "pretrained"
    pretrain(labelled_store, out=out, settings=PretrainSettings(n_passes=32, batch_size=32), device="cpu")
    return out


def test_rows_come_in_the_order_asked_for(run, labelled_store):
    some = embed_rows(run, labelled_store, np.array([7, 2]), device="cpu")
    assert some.shape == (2, 128)
    assert some.dtype == np.float32
    assert np.allclose(embed_rows(run, labelled_store, np.array([2, 7]), device="cpu"), some[::-1], atol=1e-5)


def test_a_store_becomes_a_table_row_for_row(run, labelled_store, tmp_path):
    out = tmp_path / "embeddings.parquet"
    assert embed(run, labelled_store.path, out=out, device="cpu") == (240, 0)
    table = pq.read_table(out)
    assert table["ecg_id"].to_pylist() == labelled_store.ecgs["ecg_id"].to_pylist()
    assert table["patient_id"].to_pylist() == labelled_store.ecgs["patient_id"].to_pylist()
    assert np.allclose(table["embedding"][5].as_py(), embed_rows(run, labelled_store, np.array([5]))[0], atol=1e-5)


def test_real_files_become_a_table(run, real_data, tmp_path):
    out = tmp_path / "embeddings.parquet"
    folder = next(path.parent for path in sorted((real_data / "ptbdb").rglob("*.hea")))
    n_embedded, n_refused = embed(run, folder, out=out, device="cpu")
    assert n_embedded >= 1
    assert n_embedded + n_refused == len(list(folder.glob("*.hea")))
    assert np.isfinite(np.array(pq.read_table(out)["embedding"].to_pylist())).all()


def test_a_folder_of_refused_ecgs_writes_nothing(run, tmp_path):
    (tmp_path / "ecgs").mkdir()
    (tmp_path / "ecgs" / "a.hea").write_text("a 1 500 5000\na.dat 16 200/mV 16 0 0 0 0 I\n")
    with pytest.raises(ReadError, match=r"none of its 1 ECGs .*; the first: .*a\.hea: expected the 12"):
        embed(run, tmp_path / "ecgs", out=tmp_path / "out.parquet", device="cpu")
    assert not (tmp_path / "out.parquet").exists()


def test_a_run_or_a_place_that_is_missing_is_named(run, labelled_store, tmp_path):
    with pytest.raises(RunError, match="no such run"):
        embed_rows(tmp_path / "none", labelled_store, np.array([0]))
    with pytest.raises(RunError, match="cannot be written"):
        embed(run, labelled_store.path, out=tmp_path / "no" / "out.parquet", device="cpu")
