from hemometric.ingest import ingest
from hemometric.store import Store, verify


def test_every_real_record_is_accounted_for(tmp_path, real_data):
    sources = [real_data / name for name in ("ptbxl", "ptbdb", "challenge2021")]
    summary = ingest(sources, out=tmp_path / "store")
    assert summary.n_records == summary.n_accepted_records + summary.n_rejected_records == 556
    assert summary.n_accepted_records >= 540
    assert dict(summary.reasons) == {"flat-lead": 2}
    assert summary.n_patients == 466
    assert summary.n_copied == 4
    store = Store.open(tmp_path / "store")
    assert len(store) == summary.n_windows == 576
    assert set(store.splits()) == {"train", "validation", "calibration", "test"}
    assert verify(store.path) == []
