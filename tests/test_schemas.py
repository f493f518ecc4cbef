"""What is told of a request that Klaviyo has not published: the check that stands behind every other test."""

import json
from typing import Any

import pytest

from klaviyo.sandbox import Exchange
from tests import schemas

EVENT: dict[str, Any] = {
    "data": {
        "type": "event",
        "attributes": {
            "properties": {"anything": {"at": ["all"]}},
            "unique_id": "1",
            "value": 4.5,
            "metric": {"data": {"type": "metric", "attributes": {"name": "Sorae Conversion"}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": "ann@example.com"}}},
        },
    }
}


def request(method: str, path: str, body: Any = None, query: str = "", **headers: str) -> Exchange:
    sent = {"revision": schemas.REVISION} | ({"content-type": schemas.JSON_API} if body else {}) | headers
    raw = json.dumps(body).encode() if body else b""
    return Exchange("any", method, path, query, sent, raw, 202, "VxYz12", b"", "request-1")


def event(**changes: Any) -> Exchange:
    body = json.loads(json.dumps(EVENT))
    body["data"]["attributes"] |= changes
    return request("POST", "/api/events", body)


def campaign(**attributes: Any) -> Exchange:
    definition = {"channel": "mobile_push", "content": {"body": "Hello"}}
    message = {"type": "campaign-message", "attributes": {"definition": definition}}
    told = {"name": "A", "audiences": {"included": ["L"]}, "campaign-messages": {"data": [message]}, **attributes}
    return request("POST", "/api/campaigns", {"data": {"type": "campaign", "attributes": told}})


def upload(*names: str, filename: str = '; filename="a.png"', media_type: str = "multipart/form-data") -> Exchange:
    heads = [f'name="{name}"' + (filename if name == "file" else "") for name in names]
    parts = [f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\nx\r\n" for head in heads]
    sent = {"revision": schemas.REVISION, "content-type": f"{media_type}; boundary=b"}
    body = "".join((*parts, "--b--\r\n")).encode()
    return Exchange("any", "POST", "/api/image-upload", "", sent, body, 201, "VxYz12", b"", "request-1")


#: The official client's models let these pass.
ONLY_BY_THE_SPECIFICATION = (
    (campaign(send_options={"use_smart_sending": "yes"}), campaign(send_strategy={"method": "soon"}))
    if schemas.specification()
    else ()
)


def test_a_right_request_passes() -> None:
    schemas.check(event())
    schemas.check(upload("file", "name", "hidden"))
    schemas.check(request("GET", "/api/profiles", query="filter=x&page%5Bsize%5D=100"))


@pytest.mark.parametrize(
    "wrong",
    [
        event(colour="green"),
        event(profile={"data": {"type": "profile", "attributes": {"email": "a@example.com", "colour": "green"}}}),
        event(metric=None),
        event(value="4.50"),
        event(unique_id=7),
        event(time="yesterday"),
        request("POST", "/api/events"),
        request("GET", "/api/profiles", query="page_size=100"),
        request("GET", "/api/profiles", EVENT),
        request("GET", "/api/profiles", revision="2020-01-01"),
        request("POST", "/api/events", EVENT, **{"content-type": "application/json"}),
        request("GET", "/api/people"),
        request("DELETE", "/api/profiles/01H"),
        *ONLY_BY_THE_SPECIFICATION,
        upload("name"),
        upload("file", "colour"),
        upload("file", filename=""),
        upload("file", media_type="application/vnd.api+json"),
    ],
    ids=lambda exchange: f"{exchange.method} {exchange.path}",
)
def test_a_wrong_request_does_not(wrong: Exchange) -> None:
    with pytest.raises((AssertionError, ValueError)):
        schemas.check(wrong)


def test_the_operations_of_the_whole_api_are_known() -> None:
    assert len(schemas.operations()) > 300
    found = schemas.find("GET", "/api/profiles/01H")
    assert found is not None
    assert found.id == "get_profile"


def test_what_fits_several_branches_of_equal_shapes_passes() -> None:
    options = {"use_smart_sending": True}
    schemas.check(campaign(send_options=options, tracking_options={"add_tracking_params": True}))
    branches = {"oneOf": [{"type": "object"}, {"type": "object"}]}
    document = {"timeframe": branches, "filter": branches}
    assert schemas.corrected(document) == {"timeframe": {"anyOf": branches["oneOf"]}, "filter": branches}
