"""The operations on coupons and their codes: one by one, many at once, and given out when a campaign is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.judged import Judged, judged, status_of, walked
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client
from tests.klaviyo.sandbox.test_sandbox_campaigns import ready


@pytest.fixture(scope="module")
def it() -> Iterator[Judged]:
    with judged() as running:
        yield running


def coupon(external_id: Any, **attributes: Any) -> dict[str, Any]:
    told = {"external_id": external_id, **attributes}
    return {"data": {"type": "coupon", "attributes": {name: it for name, it in told.items() if it is not ...}}}


def one_code(coupon_id: str, unique_code: Any, **attributes: Any) -> dict[str, Any]:
    return {
        "type": "coupon-code",
        "attributes": {"unique_code": unique_code, **attributes},
        "relationships": {"coupon": {"data": {"type": "coupon", "id": coupon_id}}},
    }


def code(coupon_id: str, unique_code: Any, **attributes: Any) -> dict[str, Any]:
    return {"data": one_code(coupon_id, unique_code, **attributes)}


def job(*codes: Any) -> dict[str, Any]:
    return {"data": {"type": "coupon-code-bulk-create-job", "attributes": {"coupon-codes": {"data": list(codes)}}}}


def about(kind: str, identity: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": kind, "id": identity, "attributes": attributes}}


def test_a_coupon_lives_from_creation_to_deletion(it: Judged) -> None:
    api = it.api.Coupons
    made = api.create_coupon(coupon("10OFF", description="10% off", monitor_configuration={"low_balance_threshold": 5}))
    assert (made.data.id, made.data.attributes.external_id) == ("10OFF", "10OFF")
    assert made.data.attributes.monitor_configuration == {"low_balance_threshold": 5}
    assert status_of(api.create_coupon, coupon("10OFF")) == 409
    changed = api.update_coupon("10OFF", about("coupon", "10OFF", description=None)).data.attributes
    assert (changed.description, changed.monitor_configuration) == (None, {"low_balance_threshold": 5})
    assert api.get_coupon("10OFF").data.attributes.external_id == "10OFF"
    api.create_coupon_code(code("10OFF", "GONE"))
    api.delete_coupon("10OFF")
    assert status_of(api.get_coupon, "10OFF") == 404
    assert status_of(api.get_coupon_code, "10OFF-GONE") == 404
    assert status_of(api.delete_coupon, "10OFF") == 404


def test_coupons_are_listed_over_pages(it: Judged) -> None:
    before = walked(it.api.Coupons.get_coupons)
    made = [it.api.Coupons.create_coupon(coupon(f"PAGE{number:02}")).data.id for number in range(7)]
    pages = walked(it.api.Coupons.get_coupons, page_size=3)
    assert [one for page in pages for one in page] == [one for page in before for one in page] + made
    assert {len(page) for page in pages[:-1]} == {3}


def test_a_code_lives_from_creation_to_deletion(it: Judged) -> None:
    api = it.api.Coupons
    api.create_coupon(coupon("CODES"))
    made = api.create_coupon_code(code("CODES", "A-1")).data
    assert (made.id, made.attributes.unique_code, made.attributes.status) == ("CODES-A-1", "A-1", "UNASSIGNED")
    lives = made.attributes.expires_at - datetime.now(UTC)
    assert timedelta(days=364) < lives <= timedelta(days=365)
    assert status_of(api.create_coupon_code, code("CODES", "A-1")) == 409
    until = "2031-05-01T00:00:00+00:00"
    changed = api.update_coupon_code(made.id, about("coupon-code", made.id, status="USED", expires_at=until)).data
    assert (changed.attributes.status, changed.attributes.expires_at.isoformat()) == ("USED", until)
    read = api.get_coupon_code(made.id, include=["coupon"])
    assert [one.id for one in read.included] == ["CODES"]
    assert read.data.relationships.coupon.data.id == "CODES"
    assert it.client.get(f"/api/coupon-codes/{made.id}")["data"]["attributes"]["status"] == "USED"
    api.delete_coupon_code(made.id)
    assert status_of(api.get_coupon_code, made.id) == 404


def test_codes_are_listed_by_their_coupon_over_pages(it: Judged) -> None:
    api = it.api.Coupons
    for name in ("LISTED", "OTHER"):
        api.create_coupon(coupon(name))
        api.bulk_create_coupon_codes(job(*[one_code(name, f"C{number:03}") for number in range(130)]))
    pages = walked(api.get_coupon_codes, filter='equals(coupon.id,"LISTED")')
    assert [len(page) for page in pages] == [100, 30]
    assert {one.partition("-")[0] for page in pages for one in page} == {"LISTED"}
    both = walked(api.get_coupon_codes, filter='any(coupon.id,["LISTED","OTHER"])')
    assert sum(map(len, both)) == 260
    asked = it.client.get("/api/coupon-codes", filter='equals(coupon.id,"OTHER")', include="coupon")
    assert [one["id"] for one in asked["included"]] == ["OTHER"]
    used = about("coupon-code", "OTHER-C007", status="USED")
    api.update_coupon_code("OTHER-C007", used)
    assert walked(api.get_coupon_codes, filter='equals(coupon.id,"OTHER"),equals(status,"USED")') == [["OTHER-C007"]]
    old = 'equals(coupon.id,"OTHER"),less-than(expires_at,2020-01-01T00:00:00Z)'
    assert walked(api.get_coupon_codes, filter=old) == [[]]


def test_a_job_tells_what_could_not_be_made(it: Judged) -> None:
    api = it.api.Coupons
    api.create_coupon(coupon("MANY"))
    told = [one_code("MANY", "A"), one_code("NONE", "B"), one_code("MANY", "A"), one_code("MANY", "C")]
    begun = api.bulk_create_coupon_codes(job(*told)).data
    assert (begun.attributes.status, begun.attributes.total_count, begun.attributes.completed_count) == ("queued", 4, 0)
    done = api.get_bulk_create_coupon_codes_job(begun.id, include=["coupon-codes"])
    attributes = done.data.attributes
    assert (attributes.status, attributes.completed_count, attributes.failed_count) == ("complete", 2, 2)
    assert [one.source.pointer for one in attributes.errors] == [
        "/data/attributes/coupon-codes/data/1/relationships/coupon/data/id",
        "/data/attributes/coupon-codes/data/2/attributes/unique_code",
    ]
    assert [one.id for one in done.included] == ["MANY-A", "MANY-C"]
    assert [one.id for one in done.data.relationships.coupon_codes.data] == ["MANY-A", "MANY-C"]
    assert status_of(api.get_bulk_create_coupon_codes_job, "01HZZZZZZZZZZZZZZZZZZZZZZZ") == 404


def test_a_job_takes_its_time_and_only_a_hundred_wait(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings(import_seconds=90)
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
        client.send("POST", "/api/coupons", coupon("SLOW"))
        path = "/api/coupon-code-bulk-create-jobs"
        jobs = [client.send("POST", path, job(one_code("SLOW", f"C{number}"))) for number in range(100)]
        first = f"{path}/{jobs[0].json()['data']['id']}"
        refused = client.send("POST", path, job(one_code("SLOW", "D")))
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        seen = [client.get(first)["data"]["attributes"]["status"]]
        for seconds in (31, 60):
            clock.shift(seconds)
            seen.append(client.get(first)["data"]["attributes"]["status"])
        assert seen == ["queued", "processing", "complete"]
        assert client.send("POST", path, job(one_code("SLOW", "D"))).status_code == 202
    client.session.close()


def test_codes_are_given_to_those_whom_a_campaign_reaches_and_then_stay(it: Judged) -> None:
    api = it.api.Coupons
    ann, ben = it.sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@gift.test"), SeedProfile("ben@gift.test")])
    it.sandbox.put_lists(TEA_HOUSE, [SeedList("Gifts", "GiftsL")])
    members = {"data": [{"type": "profile", "id": one} for one in (ann, ben)]}
    it.client.send("POST", "/api/lists/GiftsL/relationships/profiles", members)
    api.create_coupon(coupon("GIFT"))
    old = one_code("GIFT", "OLD", expires_at="2020-01-01T00:00:00Z")
    api.bulk_create_coupon_codes(job(one_code("GIFT", "SPENT"), old, one_code("GIFT", "ONLY")))
    api.update_coupon_code("GIFT-SPENT", about("coupon-code", "GIFT-SPENT", status="USED"))
    campaign = ready(it, "GiftsL", html="<p>{% coupon_code 'GIFT' %}</p>")
    it.api.Campaigns.send_campaign({"data": {"type": "campaign-send-job", "id": campaign}})
    assert it.api.Campaigns.get_campaign(campaign).data.attributes.status == "Sent"
    given = api.get_coupon_codes(filter=f'equals(profile.id,"{ann}")').data
    assert [(one.id, one.attributes.status) for one in given] == [("GIFT-ONLY", "ASSIGNED_TO_PROFILE")]
    assert given[0].relationships.profile.data.id == ann
    assert api.get_coupon_codes(filter=f'equals(profile.id,"{ben}")').data == []
    assert status_of(api.delete_coupon_code, "GIFT-ONLY") == 409
    codes = {one.unique_code: one.profile_id for one in it.sandbox.coupon_codes(TEA_HOUSE) if one.coupon == "GIFT"}
    assert codes == {"SPENT": None, "OLD": None, "ONLY": ann}


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/api/coupons", coupon(...), "/data/attributes/external_id"),
        ("/api/coupons", coupon(""), "/data/attributes/external_id"),
        ("/api/coupons", coupon("10 OFF"), "/data/attributes/external_id"),
        ("/api/coupons", coupon(10), "/data/attributes/external_id"),
        ("/api/coupons", coupon("A", monitor_configuration=5), "/data/attributes/monitor_configuration"),
        ("/api/coupons", coupon("A", name="x"), "/data/attributes/name"),
        ("/api/coupon-codes", code("FIT", None), "/data/attributes/unique_code"),
        ("/api/coupon-codes", code("FIT", ""), "/data/attributes/unique_code"),
        ("/api/coupon-codes", code("FIT", "A", expires_at="soon"), "/data/attributes/expires_at"),
        ("/api/coupon-codes", code("FIT", "A", status="USED"), "/data/attributes/status"),
        (
            "/api/coupon-codes",
            {"data": {"type": "coupon-code", "attributes": {"unique_code": "A"}}},
            "/data/relationships",
        ),
        ("/api/coupon-code-bulk-create-jobs", job(), "/data/attributes/coupon-codes/data"),
        (
            "/api/coupon-code-bulk-create-jobs",
            job(*[one_code("FIT", f"{number}") for number in range(1001)]),
            "/data/attributes/coupon-codes/data",
        ),
        (
            "/api/coupon-code-bulk-create-jobs",
            job(one_code("FIT", "A"), one_code("FIT", 7)),
            "/data/attributes/coupon-codes/data/1/attributes/unique_code",
        ),
    ],
)
def test_what_does_not_fit_is_refused(it: Judged, path: str, body: Any, place: str) -> None:
    it.client.send("POST", "/api/coupons", coupon("FIT"))
    before = it.sandbox.coupon_codes(TEA_HOUSE)
    assert it.refused("POST", path, body) == [(400, place)]
    assert it.sandbox.coupon_codes(TEA_HOUSE) == before


def test_changes_that_do_not_fit_are_refused(it: Judged) -> None:
    it.client.send("POST", "/api/coupons", coupon("FIRM"))
    it.client.send("POST", "/api/coupon-codes", code("FIRM", "A"))
    for path, body, place in (
        ("/api/coupons/FIRM", about("coupon", "FIRM", external_id="SOFT"), "/data/attributes/external_id"),
        ("/api/coupons/FIRM", about("coupon", "SOFT"), "/data/id"),
        ("/api/coupon-codes/FIRM-A", about("coupon-code", "FIRM-A", status="SPENT"), "/data/attributes/status"),
        ("/api/coupon-codes/FIRM-A", about("coupon-code", "FIRM-A", unique_code="B"), "/data/attributes/unique_code"),
        ("/api/coupon-codes/FIRM-A", about("coupon-code", "FIRM-B"), "/data/id"),
    ):
        assert it.refused("PATCH", path, body) == [(400, place)], body
    assert it.client.send("POST", "/api/coupon-codes", code("NONE", "A")).status_code == 404


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ("/api/coupon-codes", "filter"),
        ("/api/coupon-codes?filter=equals(status,'USED')", "filter"),
        ("/api/coupon-codes?filter=equals(coupon.id,'A'),equals(status,'SPENT')", "filter"),
        ("/api/coupon-codes?filter=contains(coupon.id,'A')", "filter"),
        ("/api/coupon-codes?filter=equals(coupon.id,'A')&include=profile", "include"),
        ("/api/coupon-codes?filter=equals(coupon.id,'A')&page[size]=101", "page[size]"),
        ("/api/coupons?filter=equals(id,'A')", "filter"),
        ("/api/coupons?page[size]=101", "page[size]"),
        ("/api/coupons?fields[coupon]=name", "fields[coupon]"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(it: Judged, call: str, place: str) -> None:
    assert it.refused("GET", call) == [(400, place)]


def test_coupons_belong_to_their_account_and_need_their_scopes(it: Judged) -> None:
    it.client.send("POST", "/api/coupons", coupon("OURS"))
    it.client.send("POST", "/api/coupon-codes", code("OURS", "A"))
    theirs, coupons_only = it.of(NORDLYS), it.may_only("coupons:read coupons:write")
    statuses = [
        theirs.send("GET", "/api/coupons/OURS").status_code,
        theirs.send("GET", "/api/coupon-codes/OURS-A").status_code,
        theirs.send("POST", "/api/coupons", coupon("OURS")).status_code,
        coupons_only.send("GET", "/api/coupons/OURS").status_code,
        coupons_only.send("GET", "/api/coupon-codes/OURS-A").status_code,
        coupons_only.send("POST", "/api/coupon-code-bulk-create-jobs", job(one_code("OURS", "B"))).status_code,
        it.may_only("coupon-codes:read").send("DELETE", "/api/coupon-codes/OURS-A").status_code,
        it.may_only("coupons:read").send("POST", "/api/coupons", coupon("MORE")).status_code,
    ]
    assert statuses == [404, 404, 201, 200, 403, 403, 403, 403]


def test_calls_are_limited_each_in_its_measure(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings(limits=True)
    answers = [client.send("POST", "/api/coupons", coupon(f"C{number}")) for number in range(7)]
    assert 429 in [one.status_code for one in answers]
    assert answers[0].headers["RateLimit-Limit"] == "3, 3;w=1, 60;w=60"
    assert client.send("GET", "/api/coupons").headers["RateLimit-Limit"] == "75, 75;w=1, 750;w=60"
    made = client.send("POST", "/api/coupon-codes", code("C0", "A"))
    assert made.headers["RateLimit-Limit"] == "350, 350;w=1, 3500;w=60"
