import numpy as np
import pytest
from validation.drawing import draw, render_one_each
from validation.gallery import PLATES, draw_on_paper, render_plates
from validation.sections import Check, as_table, checks_table, within

from hemometric.ecg import LEADS
from hemometric.waveform import FEATURES, describe

RATE_HZ = 500.0


@pytest.fixture(scope="module")
def plates():
    return {plate.name: ecg for plate, ecg in zip(PLATES, render_plates(), strict=True)}


def measure(waveform):
    return dict(zip(FEATURES, describe(waveform, sampling_rate_hz=RATE_HZ), strict=True))


@pytest.mark.parametrize(("value", "passed"), [(1.0, True), (2.0, True), (2.1, False), (float("nan"), False)])
def test_a_bound_includes_its_ends_and_nothing_unknown(value, passed):
    assert within("x", value, low=1.0, high=2.0).passed is passed


def test_a_table_survives_bars_and_shows_what_failed():
    assert "size \\|r\\|" in as_table(("size |r|",), [("1",)])
    assert "**no**" in checks_table([Check("x", "1", "2", passed=False)])


def test_each_chosen_visit_is_rendered_with_its_own_rhythm():
    drawn = draw(130, seed=4)
    sinus = np.flatnonzero(drawn.is_normal)
    rows = sinus[:: len(sinus) // 6]
    waveforms = render_one_each(drawn, rows, quiet=True)
    assert waveforms.shape == (len(rows), 12, 5000)
    found = [measure(waveform)["heart_rate_per_min"] for waveform in waveforms]
    np.testing.assert_allclose(found, drawn.morphology.heart_rate_bpm[rows], rtol=0.08)


def test_the_plates_show_what_their_titles_promise(plates):
    found = {name: measure(ecg.waveform) for name, ecg in plates.items()}
    normal = found["normal"]
    assert found["fibrillation"]["log_rr_sd_ms"] > normal["log_rr_sd_ms"] + 1.0
    assert found["lbbb"]["qrs_duration_ms"] > normal["qrs_duration_ms"] + 25.0
    assert found["lbbb"]["t_V6_mv"] < 0.0 < normal["t_V6_mv"]
    assert found["rbbb"]["r_V1_mv"] > normal["r_V1_mv"] + 0.2
    assert found["lvh"]["t_V6_mv"] < 0.0
    assert found["rvh"]["t_V2_mv"] < 0.0 < normal["t_V2_mv"]
    assert found["premature"]["ectopic_share"] >= 0.1
    swing = {name: np.ptp(plates[name].waveform[: LEADS.index("V1")], axis=1).max() for name in ("oedema", "normal")}
    assert swing["oedema"] < 0.75 * swing["normal"]


def test_a_plate_is_a_small_file(plates, tmp_path):
    draw_on_paper(plates["lvh"], tmp_path / "ecg.png")
    assert (tmp_path / "ecg.png").stat().st_size < 150_000
