import pytest

from hemometric.demo import SIZES, DemoSize, run_demo
from hemometric.errors import SettingsError


def test_the_demo_reports_what_it_measured_and_replaces_only_its_own_output(tmp_path, monkeypatch):
    tiny = DemoSize(n_patients=400, n_passes=1024, n_passes_paper=256, n_labels=30)
    monkeypatch.setitem(SIZES, "small", tiny)
    for _ in range(2):
        text = run_demo(tmp_path / "demo", size="small", seed=1, device="cpu")
    assert text.startswith("SIMULATED DATA: no clinical performance.")
    for row in (
        "pclr, fine-tuned",
        "dml-dtw (paper)",
        "supervised from scratch",
        "hand-made features",
        "waveform_ecg.dcm",
    ):
        assert row in text
    assert (tmp_path / "demo" / "report" / "report.json").is_file()


def test_a_folder_of_the_users_is_never_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SettingsError, match="not from an earlier demo"):
        run_demo(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
