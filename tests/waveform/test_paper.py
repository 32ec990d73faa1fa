import re
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from hemometric.ecg import LEADS, Ecg
from hemometric.waveform import paper, plot_ecg

PIXELS_PER_MM = 8


def drawn(ecg, path):
    plot_ecg(ecg, path)
    image = matplotlib.image.imread(path)
    return image[..., :3]


@pytest.fixture
def ecg(make_ecg):
    return Ecg(
        waveform=make_ecg(np.arange(0.5, 9.8, 0.8), sampling_rate_hz=500.0),
        sampling_rate_hz=500.0,
        ecg_id="00001_hr",
        patient_id="15709",
        age_years=56.0,
        sex="female",
        acquired_at="1984-11-09T09:17:34",
        notes=("unit absent: mV as the format says",),
    )


def is_ink(image):
    return image.max(axis=2) < 0.35


def test_the_page_is_to_scale(ecg, tmp_path):
    image = drawn(ecg, tmp_path / "ecg.png")
    assert image.shape[1] == (15 + 250 + 10) * PIXELS_PER_MM
    assert image.shape[0] % (5 * PIXELS_PER_MM) == 0
    # Along an empty strip at the foot, between two horizontal lines: a line every millimetre, a dark one every five.
    strip = image[-3 * PIXELS_PER_MM - 4, :, 1]
    for darkness, spacing_mm in ((0.02, 1), (0.2, 5)):
        lines = np.flatnonzero(strip < strip.max() - darkness)
        starts = lines[np.diff(lines, prepend=-9) > 3]
        assert len(starts) >= image.shape[1] // (spacing_mm * PIXELS_PER_MM) - 1
        assert np.abs(np.diff(starts) - spacing_mm * PIXELS_PER_MM).max() <= 1


def test_one_millivolt_is_ten_millimetres_and_a_second_twenty_five(ecg, tmp_path):
    square = np.zeros((12, 5000), dtype=np.float32)
    square[1, 1000:1500] = 1.0
    image = drawn(replace(ecg, waveform=square, notes=()), tmp_path / "ecg.png")
    # The rhythm strip is the lowest row: below it lie only its own lower room and the margin of the page.
    foot = is_ink(image)[-34 * PIXELS_PER_MM :]
    left, right = (15 + 2 * 25) * PIXELS_PER_MM, (15 + 3 * 25) * PIXELS_PER_MM
    top = np.flatnonzero(foot[:, (left + right) // 2])
    rest = np.flatnonzero(foot[:, right + 200])
    assert abs((rest.mean() - top.mean()) - 10 * PIXELS_PER_MM) <= 1
    height = int((rest.mean() + top.mean()) / 2)
    edges = np.flatnonzero(foot[height, left - 30 : right + 30])
    assert abs((edges[-1] - edges[0]) - 25 * PIXELS_PER_MM) <= 4
    pulse_rows, pulse_columns = np.nonzero(foot[:, 3 * PIXELS_PER_MM : 13 * PIXELS_PER_MM])
    assert abs(np.ptp(pulse_rows) - 10 * PIXELS_PER_MM) <= 4
    assert abs(np.ptp(pulse_columns[pulse_rows < pulse_rows.min() + 20]) - 5 * PIXELS_PER_MM) <= 4


def test_the_header_says_who_when_and_how(ecg):
    first, second, *notes = paper._header(ecg, 5000, False)
    for part in ("00001_hr", "patient 15709", "56 years", "female", "1984-11-09T09:17:34"):
        assert part in first
    for part in ("25 mm/s", "10 mm/mV", "500 Hz", "rate 75/min"):
        assert part in second
    assert notes == ["unit absent: mV as the format says"]


def test_the_header_says_what_is_unknown_and_what_is_not_shown(ecg):
    bare = Ecg(waveform=np.tile(ecg.waveform, (1, 3)), sampling_rate_hz=500.0, ecg_id="x")
    first, second = paper._header(bare, 5000, True)
    for part in ("patient unknown", "age unknown", "sex unknown", "time unknown"):
        assert part in first
    assert "first 10 s of 30.0 s" in second
    assert "beyond 6 mV" in second


def test_the_header_says_where_a_short_record_ends_and_which_offsets_are_not_drawn(ecg):
    waveform = ecg.waveform[:, :2500].copy()
    waveform[6] += 30
    line = paper._header(Ecg(waveform=waveform, sampling_rate_hz=500.0, ecg_id="x"), 2500, False)[1]
    assert "record ends at 5.0 s" in line
    assert re.search(r"offset taken away, mV: V1 \+(29|30)[.\d]*$", line)
    whole = paper._header(ecg, 5000, False)[1]
    assert "ends" not in whole
    assert "offset" not in whole


def test_every_lead_is_shown_once_beside_the_rhythm_strip():
    assert sorted(lead for row in paper.ROWS[:3] for lead in row) == sorted(LEADS)
    assert paper.ROWS[3] == ("II",)


def test_tall_waves_push_the_rows_apart(ecg):
    def baselines(waveform):
        rows, _ = paper._lay_out(paper._cut_pieces(paper._centre(waveform) * 10.0, 500.0), top_mm=15.0)
        return [row.baseline_mm for row in rows], [row.top_mm for row in rows]

    plain, _ = baselines(ecg.waveform)
    tall = ecg.waveform.copy()
    tall[7] *= 4
    pushed, tops = baselines(tall)
    assert pushed[0] == plain[0]
    deepest_mm = -10.0 * (tall[7] - np.median(tall[7]))[2500:3750].min()
    assert tops[2] >= pushed[1] + deepest_mm
    assert pushed[3] > plain[3]


@pytest.mark.parametrize("n_samples", [1, 300, 2500, 20000])
def test_any_length_is_drawn(ecg, tmp_path, n_samples):
    waveform = np.resize(ecg.waveform, (12, n_samples)).astype(np.float32)
    assert is_ink(drawn(replace(ecg, waveform=waveform), tmp_path / "ecg.png")).any()


def test_missing_and_huge_values_are_survived(ecg, tmp_path):
    broken = ecg.waveform.copy()
    broken[3] = np.nan
    broken[7, 100:900] = np.nan
    broken[8, 3000] = 500.0
    image = drawn(replace(ecg, waveform=broken, ecg_id="a$b$_^{"), tmp_path / "ecg.png")
    assert image.shape[0] < 400 * PIXELS_PER_MM


def test_the_same_ecg_gives_the_same_bytes(ecg, tmp_path):
    plot_ecg(ecg, tmp_path / "one.png")
    plot_ecg(ecg, str(tmp_path / "two.png"))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
