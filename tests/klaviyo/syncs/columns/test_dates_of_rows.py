"""Dates: ISO 8601 proves itself, other forms are chosen, and no hour is made up."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo.syncs.columns.date_forms import forms_of_dates
from klaviyo.syncs.sources.table import Row
from tests.klaviyo.syncs.columns.rows import BERLIN, EMAIL, UNHURRIED, mapping, refused, told, value, warned, why_not

TWICE = "x: this hour came twice in Europe/Berlin; the first is taken"
MOMENTS = [
    ("2026-03-29T01:30:00", "2026-03-29T00:30:00Z"),
    ("2026-03-29T03:30:00Z", "2026-03-29T03:30:00Z"),
    ("2026-03-29T03:30:00.123456+02:00", "2026-03-29T01:30:00.123456Z"),
    ("2026-03-29", "2026-03-28T23:00:00Z"),
    ("20260329T033000Z", "2026-03-29T03:30:00Z"),
    ("2026-03-29T03:30:00+0200", "2026-03-29T01:30:00Z"),
    ("2026-03-29T24:00:00Z", "2026-03-30T00:00:00Z"),
    ("2026-03-29T03:30", "2026-03-29T01:30:00Z"),
    ("2026-12-31 24:00", "2026-12-31T23:00:00Z"),
    ("20261231T240000+0100", "2026-12-31T23:00:00Z"),
    ("20260329", "2026-03-28T23:00:00Z"),
    ("2026-W13-7", "2026-03-28T23:00:00Z"),
    ("2026-03-29 05:30:00 +0200", "2026-03-29T03:30:00Z"),
    ("2026-03-29 05:30:00 UTC", "2026-03-29T05:30:00Z"),
    ("2026-03-29t05:30:00z", "2026-03-29T05:30:00Z"),
    ("2026-03-29 05:30:00+02", "2026-03-29T03:30:00Z"),
    ("2026-03-29T05:30:00,5Z", "2026-03-29T05:30:00.500000Z"),
    (" '2026-03-29T05:30:00Z ", "2026-03-29T05:30:00Z"),
    ("1955-06-01", "1955-05-31T23:00:00Z"),
    (datetime.fromisoformat("2026-03-29T01:30"), "2026-03-29T00:30:00Z"),
    (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "2026-03-29T01:30:00Z"),
    (datetime(2026, 3, 29, 1, 30, tzinfo=timezone(timedelta(hours=9))), "2026-03-28T16:30:00Z"),
    (date(2026, 3, 29), "2026-03-28T23:00:00Z"),
]
NO_MOMENTS = [
    ("2026-03-29 02:30:00", "x: this hour does not exist in Europe/Berlin"),
    (datetime.fromisoformat("2026-03-29T02:30"), "x: this hour does not exist in Europe/Berlin"),
    ("2026-02-30T10:00:00Z", "x: there is no 30 February"),
    ("2026-02-30", "x: there is no 30 February"),
    ("2025-02-29", "x: there is no 29 February in 2025"),
    ("2026-13-01", "x: there is no month 13"),
    ("2026-00-01", "x: there is no month 0"),
    ("2026-06-31", "x: there is no 31 June"),
    ("0000-01-01", "x: there is no year 0"),
    ("0001-01-01", "x: lies before the first year"),
    ("9999-12-31T24:00:00Z", "x: 9999-12-31T24:00:00Z is no date that there is"),
    ("2026-03-29T25:00:00Z", "x: 2026-03-29T25:00:00Z has a time of day that there is not"),
    ("2026-03-29T10:60", "x: 2026-03-29T10:60 has a time of day that there is not"),
    ("2026-03-29T24:00:01Z", "x: 2026-03-29T24:00:01Z has a time of day that there is not"),
    ("2026-03-29-03:30", "x: 2026-03-29-03:30 is not written like 2026-03-29"),
    ("2026-03-29x03:30", "x: 2026-03-29X03:30 is not written like 2026-03-29"),
    ("2026-03-29T10:00 Europe/Paris", "x: 2026-03-29T10:00 EUROPE/PARIS has no time that ISO 8601 knows"),
    ("03/04/2026", "x: 03/04/2026 is not written like 2026-03-29: choose the form"),
    ("March 5", "x: MARCH 5 is not written like"),
    ("2026", "x: 2026 is not written like"),
    ("2026-03", "x: 2026-03 is not written like"),
    ("1795687200", "x: 1795687200 is not written like"),
    ("46110", "x: 46110 is not written like"),
    (1795687200, "x: 1795687200 is a number and no date: choose the form"),
    (" ", "x: a blank is not written like"),
    (True, "x: true is no date"),
    ("\uff12\uff10\uff12\uff16-\uff10\uff13-\uff12\uff19", "x: "),
]


@pytest.mark.parametrize(("cell", "moment"), MOMENTS)
def test_iso_8601_is_read_in_any_form(cell: object, moment: str) -> None:
    assert value(cell, type="moment") == moment
    assert warned(cell, type="moment") == ()


@pytest.mark.parametrize(("cell", "why"), NO_MOMENTS)
def test_a_moment_that_is_none_is_refused(cell: object, why: str) -> None:
    assert why_not(cell, type="moment").startswith(why)


def test_of_an_hour_that_came_twice_the_first_is_taken_and_told_of() -> None:
    assert value("2026-10-25T02:30:00", type="moment") == "2026-10-25T00:30:00Z"
    assert warned("2026-10-25T02:30:00", type="moment") == (TWICE,)
    assert warned(datetime.fromisoformat("2026-10-25T02:30").replace(fold=1), type="moment") == (TWICE,)
    assert warned("2026-10-25T02:30:00+01:00", type="moment") == ()


def test_a_day_begins_with_its_first_moment_where_midnight_is_skipped() -> None:
    fields = {"field": "properties.x", "column": "x", "type": "moment"}
    beirut = mapping(["email", "x"], fields, zone=ZoneInfo("Asia/Beirut"))
    one = told(beirut.apply(Row(2, ("ann@tea.test", "2026-03-29"))))
    assert one.payload["properties"]["x"] == "2026-03-28T22:00:00Z"
    excel = mapping(["email", "x"], fields | {"form": "excel"}, zone=ZoneInfo("Asia/Beirut"))
    assert told(excel.apply(Row(2, ("ann@tea.test", "46110")))).payload["properties"]["x"] == "2026-03-28T22:00:00Z"
    assert "this hour does not exist in Asia/Beirut" in refused(
        beirut.apply(Row(3, ("ann@tea.test", "2026-03-29T00:00")))
    )


@pytest.mark.parametrize(
    ("cell", "form", "moment"),
    [
        ("03/04/2026", "dd/mm/yyyy", "2026-04-02T22:00:00Z"),
        ("03/04/2026", "mm/dd/yyyy", "2026-03-03T23:00:00Z"),
        ("3.4.2026", "dd/mm/yyyy", "2026-04-02T22:00:00Z"),
        ("12-31-2026 11:05 PM", "mm/dd/yyyy", "2026-12-31T22:05:00Z"),
        ("12/31/2026, 12:05:06 a.m.", "mm/dd/yyyy", "2026-12-30T23:05:06Z"),
        ("31.12.2026 23:05:06.5", "dd/mm/yyyy", "2026-12-31T22:05:06.500000Z"),
        ("31.12.2026 24:00", "dd/mm/yyyy", "2026-12-31T23:00:00Z"),
        (date(2026, 4, 3), "mm/dd/yyyy", "2026-04-02T22:00:00Z"),
        ("46110", "excel", "2026-03-28T23:00:00Z"),
        ("46110.5", "excel", "2026-03-29T10:00:00Z"),
        ("46110,5", "excel", "2026-03-29T10:00:00Z"),
        (46110.1458333333, "excel", "2026-03-29T01:30:00Z"),
        ("61", "excel", "1900-02-28T23:00:00Z"),
        ("1795687200", "unix", "2026-11-26T10:00:00Z"),
        (1795687200, "unix", "2026-11-26T10:00:00Z"),
        ("1795687200.25", "unix", "2026-11-26T10:00:00.250000Z"),
        ("-157766400", "unix", "1965-01-01T00:00:00Z"),
        ("1795687200000", "unix_ms", "2026-11-26T10:00:00Z"),
        (Decimal("1795687200123"), "unix_ms", "2026-11-26T10:00:00.123000Z"),
        ("-157766400000", "unix_ms", "1965-01-01T00:00:00Z"),
    ],
)
def test_other_forms_are_read_where_they_are_chosen(cell: object, form: str, moment: str) -> None:
    assert value(cell, type="moment", form=form) == moment


@pytest.mark.parametrize(
    ("cell", "form", "why"),
    [
        ("03/14/2026", "dd/mm/yyyy", "x: there is no month 14: 03/14/2026 may be written as mm/dd/yyyy"),
        ("14/03/2026", "mm/dd/yyyy", "x: there is no month 14: 14/03/2026 may be written as dd/mm/yyyy"),
        ("30/02/2026", "dd/mm/yyyy", "x: there is no 30 February"),
        ("13/13/2026", "dd/mm/yyyy", "x: there is no month 13"),
        ("03/04/26", "dd/mm/yyyy", "x: 03/04/26 is not written like dd/mm/yyyy"),
        ("3/4.2026", "dd/mm/yyyy", "x: 3/4.2026 is not written like dd/mm/yyyy"),
        ("2026-04-03", "dd/mm/yyyy", "x: 2026-04-03 is not written like dd/mm/yyyy"),
        ("03/04/2026 13:00 pm", "dd/mm/yyyy", "x: 03/04/2026 13:00 pm has a time of day that there is not"),
        ("29/03/2026 02:30", "dd/mm/yyyy", "x: this hour does not exist in Europe/Berlin"),
        ("60", "excel", "x: 60 is no day of a spreadsheet since March 1900"),
        ("2958466", "excel", "x: 2958466 is no day of a spreadsheet"),
        ("2026-03-29", "excel", "x: 2026-03-29 is no number, as the form that was chosen needs"),
        ("1.79E+12", "unix_ms", "x: 1.79E+12 has lost digits in a spreadsheet"),
        ("1795687200000", "unix", "x: 1795687200000 is too much for seconds since 1970: is it milliseconds"),
        ("1795687200", "unix_ms", "x: 1795687200 is too little for milliseconds since 1970: is it seconds"),
        (float("nan"), "unix", "x: NaN is no number"),
        (True, "unix", "x: true is no date"),
    ],
)
def test_what_is_not_of_the_chosen_form_is_refused(cell: object, form: str, why: str) -> None:
    assert why_not(cell, type="moment", form=form).startswith(why)


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2026-03-29", "2026-03-29"),
        ("20260329", "2026-03-29"),
        ("2026-W13-7", "2026-03-29"),
        ("2026-03-29 02:30:00", "2026-03-29"),
        ("2026-03-28T23:00:00Z", "2026-03-29"),
        ("2026-03-29T24:00", "2026-03-30"),
        (date(2026, 3, 29), "2026-03-29"),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), "2026-03-29"),
    ],
)
def test_a_date_stays_a_date_of_the_zone(cell: object, day: str) -> None:
    assert value(cell, type="date") == day


def test_a_date_can_be_told_at_noon_of_the_zone() -> None:
    assert value("2026-03-29", type="date", at_noon=True) == "2026-03-29T10:00:00Z"
    assert value("29.03.2026", type="date", form="dd/mm/yyyy", at_noon=True) == "2026-03-29T10:00:00Z"
    assert why_not("2026-02-30", type="date", at_noon=True).startswith("x: there is no 30 February")


@UNHURRIED
@given(st.datetimes(min_value=datetime.fromisoformat("1980-01-01"), max_value=datetime.fromisoformat("2100-01-01")))
def test_any_hour_of_the_zone_is_read_unless_it_is_skipped_or_came_twice(local: datetime) -> None:
    offsets = {local.replace(tzinfo=BERLIN, fold=fold).utcoffset() for fold in (0, 1)}
    exists = local.replace(tzinfo=BERLIN).astimezone(UTC).astimezone(BERLIN).replace(tzinfo=None) == local
    if not exists:
        assert "does not exist" in why_not(local.isoformat(), type="moment")
        return
    made = datetime.fromisoformat(value(local.isoformat(), type="moment"))
    assert made.astimezone(BERLIN).replace(tzinfo=None) == local
    assert warned(local.isoformat(), type="moment") == ((TWICE,) if len(offsets) > 1 else ())


@UNHURRIED
@given(st.datetimes(min_value=datetime.fromisoformat("0001-01-03"), timezones=st.timezones()))
def test_an_instant_is_the_same_whatever_the_zone_of_the_sync(moment: datetime) -> None:
    made = value(moment.isoformat(), type="moment")
    assert datetime.fromisoformat(made) == moment.astimezone(UTC)


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["2026-03-29", "20260330", "2026-03-29T10:00Z", "", None], "iso"),
        (["13/04/2026", "03/04/2026"], "dd/mm/yyyy"),
        (["03/04/2026", "04/13/2026 10:00"], "mm/dd/yyyy"),
        (["03/04/2026", "05/06/2026"], "ambiguous"),
        (["13/04/2026", "04/13/2026"], ""),
        (["46110", "45000.5"], "excel"),
        (["1795687200", 1700000000], "unix"),
        (["1795687200000"], "unix_ms"),
        (["03/04/26"], ""),
        (["gold", "2026-03-29"], ""),
        ([date(2026, 3, 29)], "iso"),
        (["12", "13"], ""),
        ([], ""),
        (["", None], ""),
    ],
)
def test_a_form_is_proposed_only_where_the_column_proves_it(cells: list[Any], form: str) -> None:
    assert forms_of_dates(cells) == form


@UNHURRIED
@given(st.lists(st.dates(min_value=date(1900, 3, 1)), min_size=1), st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]))
def test_day_and_month_are_never_swapped_by_guess(days: list[date], pattern: str) -> None:
    form = forms_of_dates([day.strftime(pattern).rjust(10, "0") for day in days])
    right = "dd/mm/yyyy" if pattern.startswith("%d") else "mm/dd/yyyy"
    assert form in (right, "ambiguous")
    assert (form == "ambiguous") == all(day.day <= 12 for day in days)


def test_the_sample_of_dates_is_read_as_it_should_be() -> None:
    fields = {"field": "properties.at", "column": "at", "type": "moment"}
    made = mapping(["id", "email", "at"], fields, identity=EMAIL)
    row = made.apply(Row(3, ("2", "b@tea.test", "2026-03-29 02:30:00")))
    assert refused(row).startswith("at: this hour does not exist in Europe/Berlin")
    row = made.apply(Row(8, ("7", "g@tea.test", "2026-10-25T02:30:00")))
    assert told(row).warnings == ("at: this hour came twice in Europe/Berlin; the first is taken",)
