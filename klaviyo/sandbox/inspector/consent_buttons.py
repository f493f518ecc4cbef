"""Consent buttons, which change a person's consent by hand, and the work behind each."""

from urllib.parse import parse_qsl

from klaviyo.sandbox.control import consent_by_hand
from klaviyo.sandbox.http.wire import Reply, Request, redirect
from klaviyo.sandbox.inspector.view import View
from klaviyo.sandbox.markup import Html, fill, join
from klaviyo.sandbox.state import people
from klaviyo.sandbox.state.people import Person
from klaviyo.sandbox.world import World

_FORM = """<form method="post" action="{where}" class="flips"><h3>Change by hand</h3>
<div class="row">{buttons}</div></form>"""
_BUTTON = '<button class="btn" name="to" value="{to}">{label}</button>'
_LABELS = (
    ("subscribed", "Subscribe"),
    ("unsubscribed", "Unsubscribe"),
    ("suppressed", "Suppress"),
    ("unsuppressed", "Lift suppressions"),
    ("spam", "Complain of spam"),
    ("bounced", "Bounce hard"),
    ("never_subscribed", "Forget consent"),
)


def buttons(view: View, person: Person) -> Html:
    pressed = join(fill(_BUTTON, to=to, label=label) for to, label in _LABELS)
    return fill(_FORM, where=view.path("people", person.id, "flip"), buttons=pressed)


def press(world: World, request: Request) -> Reply | None:
    """Does what a button says and leads back to the person; None when there is no such button or person."""
    parts = request.path.strip("/").split("/")
    if len(parts) != 5 or (parts[0], parts[2], parts[4]) != ("inspector", "people", "flip"):
        return None
    # A form on another site has no business here.
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return Reply(403)
    to = dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("to")
    with world.database.transaction() as sql:
        person = people.get(sql, parts[1], parts[3])
        if person is None or to not in consent_by_hand.TO:
            return None
        consent_by_hand.flip(sql, person, to)
    world.webhook_sender.wake()
    return redirect(f"/inspector/{person.account}/people/{person.id}", 303)
