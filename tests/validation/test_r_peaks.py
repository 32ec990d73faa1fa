import numpy as np
import pytest

from hemometric.ecg import Ecg
from hemometric.formats import read_ecg

pytestmark = pytest.mark.filterwarnings("ignore:scipy.misc is deprecated")  # loaded by neurokit2


def test_disagreements_are_sorted_by_who_has_the_beat():
    from validation.r_peaks import Marked, disagreements

    ecg = Ecg(waveform=np.zeros((12, 5000), dtype=np.float32), sampling_rate_hz=500.0, ecg_id="made up")
    record = Marked(
        ecg,
        found=np.array([0.1, 1.0, 2.0, 3.0, 9.9]),
        agreed=np.array([1.02, 2.01, 4.0, 9.95]),
        n_leads=np.array([3, 1, 2, 3]),
        agreed_in_ii=np.array([1.02]),
        marks={},
    )
    found = disagreements(record)
    assert [times.tolist() for times in found] == [[4.0], [2.0], [3.0]]
    assert disagreements(record, margin_s=0.0).alone.tolist() == [0.1, 3.0]


def test_only_spikes_are_made_larger(real_data):
    from validation.r_peaks_pictures import enlarge_spikes

    root = real_data / "ptbxl" / "records500" / "00000"
    plain, paced = (read_ecg(root / f"{number:05d}_hr.hea").waveform for number in (1, 385))
    np.testing.assert_array_equal(enlarge_spikes(plain, 500.0, 4.0), plain)
    changed = enlarge_spikes(paced, 500.0, 4.0) != paced
    assert 0 < changed.any(axis=0).mean() < 0.03
    np.testing.assert_array_equal(enlarge_spikes(paced, 500.0, 1.0), paced)


def test_the_marks_of_all_three_programs_are_drawn(real_data, tmp_path):
    from validation.r_peaks_pictures import OUR_ERRORS, draw_disagreements

    draw_disagreements(real_data, OUR_ERRORS[:3], tmp_path / "ours.png", "errors")
    assert 5_000 < (tmp_path / "ours.png").stat().st_size < 250_000
