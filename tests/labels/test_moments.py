from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemometric.labels.moments import Moment, parse_moment, parse_moments


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


TEXTS = st.one_of(
    st.datetimes().map(datetime.isoformat),
    st.dates().map(date.isoformat),
    st.datetimes().map(lambda at: f"{at:%H:%M}").map("2020-05-15 {}".format),
    st.sampled_from(
        ["20200515", "2020-W20-5", "2020-05-15T10", "2020-05-15T101530", "2020-05-15T10:15:30.25", "0999-01-01"]
    ),
)


@settings(deadline=None)
@given(texts=st.lists(TEXTS))
def test_many_times_are_read_and_written_as_each_alone(texts):
    many = parse_moments(pa.array(texts, pa.string()))
    alone = [parse_moment(text) for text in texts]
    assert [datetime(1970, 1, 1) + timedelta(microseconds=at) for at in many.at_us.tolist()] == [
        one.at for one in alone
    ]
    assert many.time_known.tolist() == [one.time_known for one in alone]
    assert many.days.tolist() == [(one.at.date() - date(1970, 1, 1)).days for one in alone]
    assert many.texts().to_pylist() == [one.text() for one in alone]


@pytest.mark.parametrize(
    "text",
    ["", "15.05.2020", "2020-13-01", "2020-02-30T10:00", "2020-05-15T24:00", "2020-05-15T10:00Z", "2020-05-15\n"],
)
def test_one_time_among_many_that_cannot_be_read_refuses_all(text):
    with pytest.raises(ValueError, match=r"."):
        parse_moments(pa.array(["2020-05-15", text]))
