import numpy as np
import pytest

from hemometric.ecg import INDEPENDENT_LEADS, INDEPENDENT_ROWS, LEADS, Ecg, derive_leads
from hemometric.errors import EcgError


def test_the_derived_leads_obey_einthoven_and_goldberger():
    independent = np.random.default_rng(0).normal(size=(3, 8, 100)).astype(np.float32)
    leads = dict(zip(LEADS, np.moveaxis(derive_leads(independent), -2, 0), strict=True))
    np.testing.assert_allclose(leads["III"], leads["II"] - leads["I"], atol=1e-6)
    np.testing.assert_allclose(leads["aVR"], -(leads["I"] + leads["II"]) / 2, atol=1e-6)
    np.testing.assert_allclose(leads["aVL"], (leads["I"] - leads["III"]) / 2, atol=1e-6)
    np.testing.assert_allclose(leads["aVF"], (leads["II"] + leads["III"]) / 2, atol=1e-6)
    np.testing.assert_array_equal(derive_leads(independent)[:, INDEPENDENT_ROWS], independent)


@pytest.mark.parametrize(
    ("waveform", "rate", "code"),
    [
        (np.zeros((11, 100), np.float32), 500.0, "wrong-shape"),
        (np.zeros((12, 0), np.float32), 500.0, "wrong-shape"),
        (np.zeros((12, 100), np.float64), 500.0, "wrong-type"),
        (np.zeros((12, 100), np.float32), 0.0, "wrong-rate"),
        (np.zeros((12, 100), np.float32), np.nan, "wrong-rate"),
    ],
)
def test_a_wrong_ecg_is_refused_at_the_door(waveform, rate, code):
    with pytest.raises(EcgError) as refused:
        Ecg(waveform=waveform, sampling_rate_hz=rate, ecg_id="x")
    assert refused.value.code == code


def test_leads_are_not_derived_from_twelve():
    with pytest.raises(ValueError, match="8"):
        derive_leads(np.zeros((12, 100), np.float32))


@pytest.mark.parametrize(
    ("lead", "spoilt"),
    [
        ("V1", {"V1"}),
        ("V6", {"V6"}),
        ("I", {"I", "III", "aVR", "aVL", "aVF"}),
        ("II", {"II", "III", "aVR", "aVL", "aVF"}),
    ],
)
def test_a_gap_stays_in_its_lead_and_what_is_computed_from_it(lead, spoilt):
    independent = np.ones((2, 8, 5), dtype=np.float32)
    independent[1, INDEPENDENT_LEADS.index(lead), 3] = np.nan
    gaps = np.isnan(derive_leads(independent))
    assert {LEADS[row] for row in np.flatnonzero(gaps[1, :, 3])} == spoilt
    assert gaps.sum() == len(spoilt)
