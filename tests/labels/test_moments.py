from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemometric.labels.moments import Moment, parse_moment


@given(at=st.datetimes())
def test_a_time_survives_the_way_to_text_and_back(at):
    assert parse_moment(at.isoformat()) == Moment(at, time_known=True)
    assert parse_moment(Moment(at, time_known=True).text()).at == at


@given(day=st.dates())
def test_a_date_stays_a_date(day):
    moment = parse_moment(day.isoformat())
    assert moment == Moment(datetime(day.year, day.month, day.day), time_known=False)
    assert moment.text() == day.isoformat()


def test_midnight_that_is_written_is_a_time():
    assert parse_moment("2020-05-15T00:00").time_known
    assert parse_moment("2020-05-15 00:00:00").text() == "2020-05-15T00:00:00"


@pytest.mark.parametrize("text", ["", "15.05.2020", "2020-13-01", "yesterday", "2020-05-15T10:00Z", "10:00"])
def test_what_is_no_time_or_names_a_zone_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_moment(text)
