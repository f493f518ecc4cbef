"""The operations on templates: made, read, changed, rendered, cloned and removed, and refused as Klaviyo would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from klaviyo.sandbox import Sandbox
from klaviyo.sandbox.resources import templates
from tests.klaviyo.sandbox.judged import Judged, judged, status_of, walked
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client

HTML = "<html><body>Hello {{ first_name }}</body></html>"
DEFINITION = {
    "body": {
        "properties": {"css_class": None},
        "styles": {"background_color": "#ffffff", "width": 600},
        "sections": [
            {
                "content_type": "section",
                "type": "section",
                "data": {"properties": {}, "display_options": {}, "styles": {}},
                "rows": [{"data": {"styles": {"column_layout": "1-column-full-width"}}, "columns": []}],
            }
        ],
    },
    "styles": [{"style_type": "text-styles", "styles": {"color": "#000000"}}],
}


@pytest.fixture(scope="module")
def it() -> Iterator[Judged]:
    with judged() as running:
        yield running


def template(**attributes: Any) -> dict[str, Any]:
    told = {"name": "Invite", "editor_type": "CODE", "html": HTML, **attributes}
    return {"data": {"type": "template", "attributes": {name: it for name, it in told.items() if it is not ...}}}


def about(template_id: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "template", "id": template_id, "attributes": attributes}}


def test_a_template_lives_from_creation_to_deletion(it: Judged) -> None:
    api = it.api.Templates
    made = api.create_template(template(text="Hello", amp=None)).data
    assert (made.attributes.editor_type, made.attributes.html, made.attributes.text) == ("CODE", HTML, "Hello")
    changed = api.update_template(made.id, about(made.id, name="Reminder", html="<p>x</p>", text=None)).data
    assert (changed.attributes.name, changed.attributes.html, changed.attributes.text) == (
        "Reminder",
        "<p>x</p>",
        "Hello",
    )
    read = api.get_template(made.id).data.attributes
    assert (read.name, read.created.microsecond) == ("Reminder", 0)
    assert "Reminder" in [one.name for one in it.sandbox.templates(TEA_HOUSE)]
    api.delete_template(made.id)
    assert status_of(api.get_template, made.id) == 404
    assert status_of(api.delete_template, made.id) == 404


def test_a_dragged_template_shows_its_definition_where_it_is_asked_for(it: Judged) -> None:
    body = template(editor_type="SYSTEM_DRAGGABLE", html=..., definition=DEFINITION)
    made = it.client.send("POST", "/api/templates?additional-fields[template]=definition", body).json()["data"]
    assert made["attributes"]["definition"] == DEFINITION
    assert "definition" not in it.client.get(f"/api/templates/{made['id']}")["data"]["attributes"]
    read = it.client.get(f"/api/templates/{made['id']}?fields[template]=definition.body.styles,name")["data"]
    assert read["attributes"] == {"name": "Invite"}
    assert it.refused("PATCH", f"/api/templates/{made['id']}", about(made["id"], html=HTML)) == [
        (400, "/data/attributes/html")
    ]
    changed = {**DEFINITION, "styles": []}
    query = "?additional-fields[template]=definition"
    answer = it.client.send("PATCH", f"/api/templates/{made['id']}{query}", about(made["id"], definition=changed))
    assert answer.json()["data"]["attributes"]["definition"]["styles"] == []


def test_templates_are_listed_over_pages_sorted_and_filtered(it: Judged) -> None:
    api = it.api.Templates
    made = [api.create_template(template(name=f"Page {number:02}")).data.id for number in range(23)]
    listed = walked(api.get_templates, filter='contains(name,"Page ")')
    assert [len(page) for page in listed] == [10, 10, 3]
    assert [one for page in listed for one in page] == made
    downwards = walked(api.get_templates, filter='contains(name,"Page ")', sort="-name", page_size=4)
    assert [one for page in downwards for one in page] == made[::-1]
    assert [one.id for one in api.get_templates(filter=f'any(id,["{made[3]}","{made[5]}"])').data] == [made[3], made[5]]
    created = it.client.get(f"/api/templates/{made[0]}")["data"]["attributes"]["created"]
    same = it.client.get("/api/templates", filter=f'equals(created,{created}),equals(name,"Page 00")')
    assert [one["id"] for one in same["data"]] == [made[0]]
    assert it.client.get("/api/templates", filter="greater-than(updated,2040-01-01T00:00:00Z)")["data"] == []


def test_fields_are_sparse(it: Judged) -> None:
    made = it.client.send("POST", "/api/templates?fields[template]=name,updated", template()).json()["data"]
    assert set(made["attributes"]) == {"name", "updated"}


def test_variables_are_rendered_and_what_has_no_value_outputs_nothing(it: Judged) -> None:
    text = "{{first_name}} {{ reward.value }}{{ nothing }} {{ who|default:'friend' }} {{ no|default:\"-\" }}"
    made = it.api.Templates.create_template(template(text=text)).data
    context = {"first_name": "Ann", "reward": {"value": 5}, "who": "Ben", "no": False}
    rendered = it.api.Templates.render_template(about(made.id, context=context)).data
    assert rendered.attributes.html == "<html><body>Hello Ann</body></html>"
    assert (rendered.attributes.text, rendered.attributes.amp) == ("Ann 5 Ben -", None)
    assert it.api.Templates.get_template(made.id).data.attributes.html == HTML
    assert it.client.send("POST", "/api/template-render", about(made.id, context={})).status_code == 201


def test_a_clone_is_another_template_with_the_same_contents(it: Judged) -> None:
    made = it.api.Templates.create_template(template(name="Original")).data
    clone = it.api.Templates.clone_template(about(made.id)).data
    assert clone.id != made.id
    assert (clone.attributes.name, clone.attributes.html) == ("Clone of Original", HTML)
    assert it.api.Templates.clone_template(about(made.id, name="Mine")).data.attributes.name == "Mine"


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ({"name": ...}, "/data/attributes/name"),
        ({"name": None}, "/data/attributes/name"),
        ({"name": ""}, "/data/attributes/name"),
        ({"name": "x" * 256}, "/data/attributes/name"),
        ({"editor_type": ...}, "/data/attributes/editor_type"),
        ({"editor_type": "code"}, "/data/attributes/editor_type"),
        ({"html": ...}, "/data/attributes/html"),
        ({"html": 7}, "/data/attributes/html"),
        ({"definition": DEFINITION}, "/data/attributes/definition"),
        ({"editor_type": "SYSTEM_DRAGGABLE", "definition": DEFINITION}, "/data/attributes/html"),
        ({"editor_type": "SYSTEM_DRAGGABLE", "html": ...}, "/data/attributes/definition"),
        (
            {"editor_type": "SYSTEM_DRAGGABLE", "html": ..., "definition": DEFINITION, "amp": "<a>"},
            "/data/attributes/amp",
        ),
        (
            {"editor_type": "SYSTEM_DRAGGABLE", "html": ..., "definition": {**DEFINITION, "styles": [{}]}},
            "/data/attributes/definition/styles/0/style_type",
        ),
        ({"subject": "Hello"}, "/data/attributes/subject"),
    ],
)
def test_a_template_that_does_not_fit_is_refused(it: Judged, attributes: dict[str, Any], place: str) -> None:
    before = it.sandbox.templates(TEA_HOUSE)
    assert it.refused("POST", "/api/templates", template(**attributes)) == [(400, place)]
    assert it.sandbox.templates(TEA_HOUSE) == before


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ("/api/templates?page[size]=11", "page[size]"),
        ("/api/templates?page[size]=0", "page[size]"),
        ("/api/templates?page[cursor]=nonsense", "page[cursor]"),
        ("/api/templates?sort=html", "sort"),
        ("/api/templates?filter=contains(id,'x')", "filter"),
        ("/api/templates?filter=equals(html,'x')", "filter"),
        ("/api/templates?filter=equals(created,'soon')", "filter"),
        ("/api/templates?include=tags", "include"),
        ("/api/templates?fields[template]=definition.blocks", "fields[template]"),
        ("/api/templates?fields[template]=subject", "fields[template]"),
        ("/api/templates?additional-fields[template]=html", "additional-fields[template]"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(it: Judged, call: str, place: str) -> None:
    assert it.refused("GET", call) == [(400, place)]


def test_bodies_are_about_the_template_of_their_path(it: Judged) -> None:
    made = it.api.Templates.create_template(template()).data.id
    assert it.refused("PATCH", f"/api/templates/{made}", about("AbCdEf", name="x")) == [(400, "/data/id")]
    assert it.refused("POST", "/api/template-render", about(made)) == [(400, "/data/attributes/context")]
    assert it.refused("POST", "/api/template-render", about(made, context=[])) == [(400, "/data/attributes/context")]
    assert it.refused("POST", "/api/template-clone?fields[template]=definition", about(made)) == [
        (400, "fields[template]")
    ]
    for path, body in (
        ("/api/template-render", about("AbCdEf", context={})),
        ("/api/template-clone", about("AbCdEf")),
    ):
        assert it.client.send("POST", path, body).status_code == 404


def test_templates_belong_to_their_account_and_need_their_scopes(it: Judged) -> None:
    made = it.api.Templates.create_template(template()).data.id
    theirs, reading = it.of(NORDLYS), it.may_only("templates:read")
    statuses = [
        theirs.send("GET", f"/api/templates/{made}").status_code,
        theirs.send("DELETE", f"/api/templates/{made}").status_code,
        reading.send("DELETE", f"/api/templates/{made}").status_code,
        reading.send("POST", "/api/templates", template()).status_code,
        reading.send("POST", "/api/template-clone", about(made)).status_code,
        reading.send("POST", "/api/template-render", about(made, context={})).status_code,
        it.may_only("campaigns:read").send("GET", "/api/templates").status_code,
    ]
    assert statuses == [404, 404, 403, 403, 403, 201, 403]


def test_an_account_has_a_thousand_templates_at_most(it: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    made = it.api.Templates.create_template(template()).data.id
    assert templates.MOST == 1000
    monkeypatch.setattr(templates, "MOST", len(it.sandbox.templates(TEA_HOUSE)) + 1)
    assert it.client.send("POST", "/api/template-clone", about(made)).status_code == 201
    assert it.refused("POST", "/api/templates", template()) == [(400, "/data")]
    assert it.refused("POST", "/api/template-clone", about(made)) == [(400, "/data")]


def test_the_next_revision_has_other_templates(it: Judged) -> None:
    assert it.client.send("GET", "/api/templates", revision="2026-10-15").status_code == 410


def test_rendering_is_limited_to_three_a_second(sandbox: Sandbox) -> None:
    client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
    made = client.send("POST", "/api/templates", template()).json()["data"]["id"]
    sandbox.settings(limits=True)
    answers = [client.send("POST", "/api/template-render", about(made, context={})) for _ in range(7)]
    assert 429 in [one.status_code for one in answers]
    assert answers[0].headers["RateLimit-Limit"] == "3, 3;w=1, 60;w=60"
    assert client.send("GET", "/api/templates").headers["RateLimit-Limit"] == "75, 75;w=1, 750;w=60"
    client.session.close()
