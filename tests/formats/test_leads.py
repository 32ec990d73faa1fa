from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr.codedict import codes

from hemometric.ecg import INDEPENDENT_LEADS, LEADS
from hemometric.errors import ReadError
from hemometric.formats.leads import choose_channels, name_coded_lead, name_lead

SPELLINGS = [
    ("I", "I"),
    ("i", "I"),
    ("Lead I", "I"),
    ("Lead I (Einthoven)", "I"),
    ("MDC_ECG_LEAD_I", "I"),
    ("DI", "I"),
    ("ii ", "II"),
    ("ECG_lead_III", "III"),
    ("AVR", "aVR"),
    ("avr", "aVR"),
    ("MDC_ECG_LEAD_aVR", "aVR"),
    ("Lead aVR", "aVR"),
    ("aVR, augmented voltage, right", "aVR"),
    ("ECG lead aVF", "aVF"),
    ("v1", "V1"),
    ("MDC_ECG_LEAD_V6", "V6"),
]
OTHER_CHANNELS = [
    "vx",
    "vy",
    "VZ",
    "V7",
    "V4R",
    "patch_ECG",
    "RHC_pressure",
    "-aVR",
    "Derived Lead I",
    "",
    "resp",
    "IV",
]


@pytest.mark.parametrize(("text", "lead"), SPELLINGS)
def test_a_lead_is_known_in_every_spelling(text, lead):
    assert name_lead(text) == lead


@pytest.mark.parametrize("text", OTHER_CHANNELS)
def test_another_channel_is_no_lead(text):
    assert name_lead(text) is None


@given(
    st.sampled_from(LEADS),
    st.sampled_from(["", "Lead ", "MDC_ECG_LEAD_", "ecg_"]),
    st.sampled_from([str.upper, str.lower]),
)
def test_prefix_and_case_do_not_matter(lead, prefix, case):
    assert name_lead(case(prefix + lead)) == lead


@pytest.mark.parametrize("name", ["I", "II", "III", "V1", "V2", "V3", "V4", "V5", "V6"])
def test_codes_agree_with_those_that_pydicom_carries(name):
    code = getattr(codes.MDC, f"Lead{name}").value
    assert name_coded_lead(code) == name
    assert name_coded_lead(code.replace("2:", "5.6.3-9-")) == name


def test_augmented_leads_follow_lead_three():
    assert [name_coded_lead(f"2:{number}") for number in (62, 63, 64)] == ["aVR", "aVL", "aVF"]


def test_codes_of_other_leads_are_no_leads():
    assert [name_coded_lead(code) for code in ("2:16", "2:31", "5.6.3-9-12", "9-9")] == [None] * 4


def test_leads_are_chosen_by_name_and_not_by_place():
    shuffled = [None, *reversed(LEADS)]
    leads, channels = choose_channels(Path("x"), shuffled)
    assert leads == LEADS
    assert [shuffled[channel] for channel in channels] == list(LEADS)


def test_exactly_the_eight_independent_leads_are_enough():
    assert choose_channels(Path("x"), [*INDEPENDENT_LEADS, None]) == (INDEPENDENT_LEADS, tuple(range(8)))


@pytest.mark.parametrize(
    ("leads", "missing"),
    [
        (LEADS[:11], "missing V6"),
        (LEADS[4:], "missing I, II, III, aVR"),
        ([*INDEPENDENT_LEADS, "III"], "missing aVR, aVL, aVF"),
        ([], "found none of them"),
    ],
)
def test_any_other_set_of_leads_is_refused_by_name(leads, missing):
    with pytest.raises(ReadError, match=missing) as caught:
        choose_channels(Path("x.hea"), leads)
    assert caught.value.code == "wrong-leads"


def test_a_lead_that_occurs_twice_is_refused():
    with pytest.raises(ReadError, match="lead V1 occurs more than once") as caught:
        choose_channels(Path("x.hea"), [*LEADS, "V1"])
    assert caught.value.code == "duplicate-leads"
