"""What follows from a secret, and what does not."""

import datetime
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric import deidentification
from hemometric.deidentification import Deidentifier, check_secret, describe_fault
from hemometric.errors import SettingsError

ONE = Deidentifier(b"a secret that is long enough")
days_in_history = st.dates(datetime.date(1900, 1, 1), datetime.date(2200, 12, 31))


@settings(deadline=None)  # the first of all hashes takes the key
@given(first=days_in_history, second=days_in_history, patient=st.text(min_size=1, max_size=20))
def test_the_days_between_two_dates_of_a_patient_stay_over_leap_years_too(first, second, patient):
    stands_for = ONE.patient(patient)
    moved = [ONE.moment(day.isoformat(), patient=stands_for) for day in (first, second)]
    assert None not in moved
    there = [datetime.date.fromisoformat(str(day)) for day in moved]
    assert there[1] - there[0] == second - first


def test_a_date_with_and_one_without_a_time_move_alike():
    patient = ONE.patient("4711")
    whole, day = ONE.moment("2020-02-29T23:59:59", patient=patient), ONE.moment("2020-02-29", patient=patient)
    assert whole == f"{day}T23:59:59"


def test_by_how_many_days_dates_move_cannot_be_told_from_the_new_id_without_the_secret():
    patient = ONE.patient("4711")
    others = {Deidentifier(f"another secret of sixteen {k}".encode()).days(patient) for k in range(6)}
    assert len(others) == 6


def test_the_weekday_of_a_date_tells_nothing_over_patients():
    shifts = [ONE.days(ONE.patient(f"p{number}")) % 7 for number in range(2100)]
    assert all(240 < shifts.count(day) < 360 for day in range(7))


def test_a_secret_is_slow_to_try():
    deidentification._make_key.cache_clear()
    begin = time.perf_counter()
    first = Deidentifier(b"0123456789abcdef").fingerprint
    slow = time.perf_counter() - begin
    begin = time.perf_counter()
    assert Deidentifier(b"0123456789abcdef").fingerprint == first
    assert slow > 0.02  # a plain HMAC takes 2 us: a million guesses in two seconds
    assert time.perf_counter() - begin < slow / 2


def test_ids_of_a_secret_never_change():
    """Computed apart, with hashlib: `link` of another year must find the patients of this one."""
    assert ONE.patient("4711") == "f788570dd91671f3e1932aa2a579844d"
    assert ONE.days(ONE.patient("4711")) == 3566


def test_a_store_of_an_earlier_scheme_is_named_as_one():
    told = {"deidentified": {"scheme": 1, "secret_fingerprint": ONE.fingerprint}}
    with pytest.raises(SettingsError, match=r"earlier hemometric.*ingest it again"):
        check_secret(told, ONE, where="store")


def test_a_fault_is_told_without_what_it_quotes():
    def read(patient: str) -> None:
        raise KeyError(patient)

    with pytest.raises(KeyError) as caught:
        read("Wilhelmina")
    told = describe_fault(caught.value)
    assert told.startswith(f"KeyError in {Path(__file__).name}, line ")
    assert "Wilhelmina" not in told
