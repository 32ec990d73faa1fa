"""What the limits of `assess` mean for real records, and that nothing downstream stumbles over one."""

from collections import Counter

import numpy as np
import pytest

from hemometric.errors import EcgError
from hemometric.formats import find_records, read_ecg
from hemometric.waveform import FEATURES, assess, cut_windows, describe, resample


@pytest.fixture(scope="module")
def real_ecgs(real_data):
    """Return the 56 records beside PTB-XL and every tenth of PTB-XL's 500."""
    records = [
        *find_records(real_data / "ptbxl")[::10],
        *find_records(real_data / "ptbdb"),
        *find_records(real_data / "challenge2021"),
    ]
    return [read_ecg(record) for record in records]


def test_real_records_are_refused_only_where_leads_are_missing(real_ecgs):
    refused = Counter()
    for ecg in real_ecgs:
        for window in cut_windows(ecg.waveform, sampling_rate_hz=ecg.sampling_rate_hz):
            for finding in assess(window.waveform, sampling_rate_hz=ecg.sampling_rate_hz):
                if finding.refuse:
                    refused[ecg.ecg_id, finding.code] += 1
    # V2, V4 and V6 of these two are zero from end to end.
    assert refused == Counter({("JS20004", "flat-lead"): 1, ("JS20008", "flat-lead"): 1})


def test_real_records_are_measured_within_what_hearts_do(real_ecgs):
    measured = []
    for ecg in real_ecgs:
        window = cut_windows(ecg.waveform, sampling_rate_hz=ecg.sampling_rate_hz)[0].waveform
        at_250_hz = resample(window, from_hz=ecg.sampling_rate_hz, to_hz=250.0)
        residual = at_250_hz[2] - (at_250_hz[1] - at_250_hz[0])
        assert np.abs(residual).max() < 0.005
        measured.append(describe(at_250_hz, sampling_rate_hz=250.0))
    values = dict(zip(FEATURES, np.array(measured).T, strict=True))
    assert ((values["heart_rate_per_min"] > 30) & (values["heart_rate_per_min"] < 190)).all()
    # Medians of a clinical archive: PTB-XL's own are 71 per minute, QRS 90 ms (Strodthoff et al. 2023).
    assert 60 < np.median(values["heart_rate_per_min"]) < 90
    assert 75 < np.median(values["qrs_duration_ms"]) < 110
    assert -170 < np.nanmedian(values["p_peak_ms"]) < -110
    assert np.isnan(values["p_II_mv"]).mean() < 0.25
    assert np.isfinite(values["r_II_mv"]).all()


def test_a_padded_record_is_judged_by_what_was_recorded(real_ecgs):
    short = real_ecgs[0].waveform[:, :2000]
    with pytest.raises(EcgError, match="--pad fills it up"):
        cut_windows(short, sampling_rate_hz=500.0)
    (window,) = cut_windows(short, sampling_rate_hz=500.0, pad=True)
    assert [f.code for f in assess(window.waveform, sampling_rate_hz=500.0)] == ["flat-lead"]
    assert assess(window.waveform[:, : window.n_recorded], sampling_rate_hz=500.0) == ()
