"""The operations on images: from an address, a data URI or a file; refused by their first bytes and their size."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.judged import Judged, judged, status_of, walked
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client

PNG = b"\x89PNG\r\n\x1a\n" + b"\r\n--\r\n\x00\xff" * 9
GIF = b"GIF89a" + b"\x00" * 20
JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 20
MB = 1024 * 1024
BOUNDARY = "=_4b1d"


@pytest.fixture(scope="module")
def it() -> Iterator[Judged]:
    with judged() as running:
        yield running


def address(url: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "image", "attributes": {"import_from_url": url, **attributes}}}


def data_uri(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def change(image_id: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "image", "id": image_id, "attributes": attributes}}


def form(*parts: tuple[str, bytes]) -> bytes:
    """Each part: what stands behind `form-data; ` in its head, and its content."""
    pieces = [
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (BOUNDARY.encode(), said.encode(), content)
        for said, content in parts
    ]
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()


def upload(client: Client, body: bytes, media_type: str = f"multipart/form-data; boundary={BOUNDARY}") -> Any:
    return client.send("POST", "/api/image-upload", body, Content_Type=media_type)


def test_an_image_comes_from_an_address(it: Judged) -> None:
    made = it.api.Images.upload_image_from_url(address("https://cdn.tea.test/a/Hero%20one.GIF?x=1")).data
    told = made.attributes
    assert (told.name, told.format, told.hidden) == ("Hero one", "gif", False)
    assert told.image_url.startswith("https://")
    assert it.api.Images.get_image(made.id).data.attributes.name == "Hero one"
    assert made.id.isdecimal()


def test_an_image_comes_as_a_data_uri(it: Judged) -> None:
    made = it.api.Images.upload_image_from_url(address(data_uri(PNG), name="Drawn", hidden=True)).data
    told = made.attributes
    assert (told.name, told.format, told.size, told.hidden) == ("Drawn", "png", len(PNG), True)
    (seen,) = [one for one in it.sandbox.images(TEA_HOUSE) if one.id == made.id]
    assert seen.digest == hashlib.sha256(PNG).hexdigest()


def test_an_image_comes_as_a_file_byte_for_byte(it: Judged, tmp_path: Path) -> None:
    file = tmp_path / "summer.png"
    file.write_bytes(PNG)
    first = it.api.Images.upload_image_from_file(str(file)).data
    assert (first.attributes.name, first.attributes.format) == ("summer", "png")
    second = it.api.Images.upload_image_from_file(JPEG, name="Pot & cup", hidden=True).data
    assert (second.attributes.name, second.attributes.format, second.attributes.hidden) == ("Pot & cup", "jpeg", True)
    digests = {one.id: one.digest for one in it.sandbox.images(TEA_HOUSE)}
    assert digests[first.id] == hashlib.sha256(PNG).hexdigest()
    assert digests[second.id] == hashlib.sha256(JPEG).hexdigest()


def test_a_name_that_is_taken_gets_a_suffix(it: Judged) -> None:
    upload_one = it.api.Images.upload_image_from_url
    names = [upload_one(address(data_uri(GIF, "gif"), name="Cup")).data.attributes.name for _ in range(3)]
    assert names == ["Cup", "Cup_1", "Cup_2"]


def test_a_change_replaces_the_whole(it: Judged) -> None:
    made = it.api.Images.upload_image_from_url(address(data_uri(PNG), name="Old", hidden=True)).data.id
    changed = it.api.Images.update_image(made, change(made, name="New", hidden=True)).data.attributes
    assert (changed.name, changed.hidden) == ("New", True)
    assert it.api.Images.update_image(made, change(made, name="New")).data.attributes.hidden is False


def test_a_name_that_is_left_out_becomes_null(sandbox: Sandbox, client: Client) -> None:
    made = client.send("POST", "/api/images", address(data_uri(PNG), name="Old")).json()["data"]["id"]
    answer = client.send("PATCH", f"/api/images/{made}", change(made, hidden=True))
    assert answer.json()["data"]["attributes"]["name"] is None
    assert [(one.name, one.hidden) for one in sandbox.images(TEA_HOUSE)] == [(None, True)]


def test_images_are_listed_over_pages_sorted_and_filtered(it: Judged) -> None:
    upload_one = it.api.Images.upload_image_from_url
    made = [upload_one(address(data_uri(GIF + b"x" * one, "gif"), name=f"List {one:02}")).data.id for one in range(23)]
    listed = walked(it.api.Images.get_images, filter='starts-with(name,"List ")')
    assert [len(page) for page in listed] == [20, 3]
    assert [one for page in listed for one in page] == made
    backwards = walked(it.api.Images.get_images, filter='contains(name,"List")', sort="-size", page_size=9)
    assert [one for page in backwards for one in page] == made[::-1]
    by_id = walked(it.api.Images.get_images, filter='contains(name,"List")', sort="id", page_size=9)
    assert [one for page in by_id for one in page] == made
    for said, expected in (
        ('ends-with(name,"t 07")', [made[7]]),
        ('ends-with(name,"List 0")', []),
        (f'any(id,["{made[2]}","{made[4]}"])', [made[2], made[4]]),
        (f'greater-than(size,{len(GIF) + 20}),starts-with(name,"List")', made[21:]),
        ('equals(format,"gif"),equals(hidden,true),starts-with(name,"List")', []),
        ('starts-with(name,"List"),less-than(updated_at,2020-01-01T00:00:00Z)', []),
    ):
        assert [one.id for one in it.api.Images.get_images(filter=said).data] == expected, said


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (address("http://cdn.tea.test/a.png"), "/data/attributes/import_from_url"),
        (address("ftp://cdn.tea.test/a.png"), "/data/attributes/import_from_url"),
        (address("hero.png"), "/data/attributes/import_from_url"),
        (address("https:///a.png"), "/data/attributes/import_from_url"),
        (address("https://cdn.tea.test/a.pdf"), "/data/attributes/import_from_url"),
        (address("https://gone.invalid/a.png"), "/data/attributes/import_from_url"),
        (address(data_uri(b"%PDF-1.7", "png")), "/data/attributes/import_from_url"),
        (address("data:image/png;base64,*"), "/data/attributes/import_from_url"),
        (address("data:text/plain,Hello"), "/data/attributes/import_from_url"),
        (address(data_uri(PNG), name=""), "/data/attributes/name"),
        (address(data_uri(PNG), hidden="yes"), "/data/attributes/hidden"),
        (address(data_uri(PNG), format="png"), "/data/attributes/format"),
        ({"data": {"type": "image", "attributes": {}}}, "/data/attributes/import_from_url"),
        ({"data": {"type": "picture", "attributes": {"import_from_url": data_uri(PNG)}}}, "/data/type"),
    ],
)
def test_an_address_that_leads_to_no_image_is_refused(it: Judged, body: Any, place: str) -> None:
    before = it.sandbox.images(TEA_HOUSE)
    assert it.refused("POST", "/api/images", body) == [(400, place)]
    assert it.sandbox.images(TEA_HOUSE) == before


FILE = 'name="file"; filename="a.png"'


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (form(('name="name"', b"Hero")), "/data/attributes/file"),
        (form(('name="file"', PNG)), "/data/attributes/file"),
        (form((FILE, b"%PDF-1.7")), "/data/attributes/file"),
        (form((FILE, PNG + b"x" * 5 * MB)), "/data/attributes/file"),
        (form((FILE, PNG), ('name="hidden"', b"maybe")), "/data/attributes/hidden"),
        (form((FILE, PNG), ('name="name"', b"")), "/data/attributes/name"),
        (form((FILE, PNG), ('name="size"', b"1")), "/data/attributes/size"),
        (form((FILE, PNG), (FILE, PNG)), "/data"),
        (form(('filename="a.png"', PNG)), "/data"),
        (form((FILE, PNG))[:-4], "/data"),
        (b"Hello", "/data"),
    ],
)
def test_a_form_that_does_not_fit_is_refused(it: Judged, body: bytes, place: str) -> None:
    before = it.sandbox.images(TEA_HOUSE)
    answer = upload(it.client, body)
    assert (answer.status_code, [one["source"] for one in answer.json()["errors"]]) == (400, [{"pointer": place}])
    assert it.sandbox.images(TEA_HOUSE) == before


def test_five_megabytes_are_taken_and_far_more_are_not_even_read(it: Judged) -> None:
    assert upload(it.client, form((FILE, PNG + b"x" * (5 * MB - len(PNG))))).status_code == 201
    assert upload(it.client, form((FILE, PNG + b"x" * 6 * MB))).status_code == 413
    assert it.client.send("POST", "/api/images", address(data_uri(PNG + b"x" * 5 * MB))).status_code == 413


def test_a_file_comes_in_a_form_and_an_address_in_json(it: Judged) -> None:
    assert upload(it.client, form((FILE, PNG)), "application/vnd.api+json").status_code == 415
    assert upload(it.client, form((FILE, PNG)), "multipart/form-data").status_code == 400
    url = "/api/images"
    answer = it.client.send("POST", url, form((FILE, PNG)), Content_Type=f"multipart/form-data; boundary={BOUNDARY}")
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ("/api/images?page[size]=101", "page[size]"),
        ("/api/images?sort=hidden", "sort"),
        ("/api/images?filter=contains(format,'g')", "filter"),
        ("/api/images?filter=equals(size,7)", "filter"),
        ("/api/images?filter=greater-than(size,'big')", "filter"),
        ("/api/images?filter=equals(hidden,'yes')", "filter"),
        ("/api/images?fields[image]=url", "fields[image]"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(it: Judged, call: str, place: str) -> None:
    assert it.refused("GET", call) == [(400, place)]


def test_images_belong_to_their_account_and_need_their_scopes(it: Judged) -> None:
    made = it.api.Images.upload_image_from_url(address(data_uri(PNG))).data.id
    reading = it.may_only("images:read")
    statuses = [
        it.of(NORDLYS).send("GET", f"/api/images/{made}").status_code,
        reading.send("GET", f"/api/images/{made}").status_code,
        reading.send("POST", "/api/images", address(data_uri(PNG))).status_code,
        upload(reading, form((FILE, PNG))).status_code,
        reading.send("PATCH", f"/api/images/{made}", change(made, name="x")).status_code,
        it.may_only("images:write").send("GET", "/api/images").status_code,
        it.client.send("DELETE", f"/api/images/{made}").status_code,
    ]
    assert statuses == [404, 200, 403, 403, 403, 403, 405]
    assert status_of(it.api.Images.get_image, "999999") == 404
    assert status_of(it.api.Images.get_image, "seven") == 404
    assert it.refused("PATCH", f"/api/images/{made}", change("7", name="x")) == [(400, "/data/id")]


def test_a_day_has_its_limits(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings(limits=True)
    by_address = client.send("POST", "/api/images", address(data_uri(PNG))).headers["RateLimit-Limit"]
    by_file = upload(client, form((FILE, PNG))).headers["RateLimit-Limit"]
    assert (by_address, by_file) == ("3, 3;w=1, 100;w=60, 100;w=86400", "3, 3;w=1, 100;w=60, 500;w=86400")
    assert 429 in [upload(client, form((FILE, PNG))).status_code for _ in range(7)]
