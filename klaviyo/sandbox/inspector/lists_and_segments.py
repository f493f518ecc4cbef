"""Lists and segments pages of an account, with their members."""

import json

from klaviyo.sandbox.inspector import layout, people
from klaviyo.sandbox.inspector.view import View
from klaviyo.sandbox.markup import Html, fill, join
from klaviyo.sandbox.resources import segments as segment_members
from klaviyo.sandbox.state import list_store
from klaviyo.sandbox.state import people as state
from klaviyo.sandbox.state.people import Person

_SHOWN = 200


def lists(view: View) -> Html:
    rows = view.sql.execute(
        "SELECT l.*, COUNT(m.seq) AS members FROM lists l LEFT JOIN members m ON m.list = l.id "
        "WHERE l.account = ? GROUP BY l.seq ORDER BY l.name",
        (view.account,),
    )
    lines = (
        (
            layout.anchor(row["name"], view.path("lists", row["id"])),
            row["id"],
            row["opt_in_process"].replace("_", " ").capitalize(),
            f"{row['members']:,}",
        )
        for row in rows
    )
    body = layout.table(("List", "Id", "Opt-in", "#People"), lines, "There are no lists.")
    return view.render("Lists", fill('<section class="card">{body}</section>', body=body), section="lists")


def one_list(view: View, list_id: str) -> Html | None:
    row = list_store.get(view.sql, view.account, list_id)
    if row is None:
        return None
    body = _members(view, list_store.members(view.sql, list_id), "Nobody is on this list.")
    lead = f"{list_id} · {row['opt_in_process'].replace('_', ' ')}"
    return view.render(row["name"], body, section="lists", crumbs=[("Lists", view.path("lists"))], lead=lead)


def segments(view: View) -> Html:
    rows = view.sql.execute("SELECT * FROM segments WHERE account = ? ORDER BY name", (view.account,)).fetchall()
    lines = (
        (
            layout.anchor(row["name"], view.path("segments", row["id"])),
            row["id"],
            f"{len(segment_members.members(view.sql, row)):,}",
        )
        for row in rows
    )
    body = layout.table(("Segment", "Id", "#People"), lines, "There are no segments.")
    return view.render("Segments", fill('<section class="card">{body}</section>', body=body), section="segments")


def one_segment(view: View, segment_id: str) -> Html | None:
    row = view.sql.execute("SELECT * FROM segments WHERE id = ? AND account = ?", (segment_id, view.account)).fetchone()
    if row is None:
        return None
    definition = json.dumps(json.loads(row["definition"]), ensure_ascii=False)
    described = layout.inside(fill("<code>{definition}</code>", definition=definition))
    inside = _members(view, segment_members.members(view.sql, row), "Nobody is in this segment.")
    body = join([layout.card("Definition", described), inside])
    return view.render(row["name"], body, section="segments", crumbs=[("Segments", view.path("segments"))])


def _members(view: View, ids: list[str], nothing: str) -> Html:
    found = [state.get(view.sql, view.account, one) for one in ids[:_SHOWN]]
    lines = (_line(view, person) for person in found if person)
    title = f"{len(ids):,} {'person' if len(ids) == 1 else 'people'}"
    if len(ids) > _SHOWN:
        title += f", the first {_SHOWN} shown"
    return layout.card(title, layout.table(("Person", "E-mail marketing"), lines, nothing))


def _line(view: View, person: Person) -> tuple[Html, Html]:
    name = person.email or person.phone_number or person.id
    return layout.anchor(name, view.path("people", person.id)), people.standing(person)
