"""People pages: the search, and one person with consent, lists, properties and timeline."""

from typing import Any

from klaviyo.sandbox.inspector import consent_buttons, layout, timeline
from klaviyo.sandbox.inspector.view import View
from klaviyo.sandbox.markup import Html, fill, join
from klaviyo.sandbox.resources import double_opt_in
from klaviyo.sandbox.state import list_store, people
from klaviyo.sandbox.state.consent import Channel
from klaviyo.sandbox.state.people import Person

_SEARCH = """<form class="search" role="search"><input type="search" name="q" value="{sought}"
aria-label="Search people" placeholder="Name, e-mail or phone"><button class="btn">Search</button></form>"""
_PER_PAGE = 50


def index(view: View) -> Html:
    sought = view.query.get("q", "").strip()
    rows = view.sql.execute(
        "SELECT * FROM profiles WHERE account = ?1 AND (?2 = '' OR email_key LIKE ?3 OR phone_number LIKE ?3 "
        "OR lower(attributes) LIKE ?3) ORDER BY seq DESC LIMIT ?4 OFFSET ?5",
        (view.account, sought, f"%{sought.lower()}%", _PER_PAGE + 1, (view.page - 1) * _PER_PAGE),
    ).fetchall()
    shown = [Person.of(row) for row in rows[:_PER_PAGE]]
    nothing = f"Nobody matches “{sought}”." if sought else "Nobody is here yet."
    body = layout.table(
        ("Person", "E-mail marketing", "Lists", "Last event"), (_line(view, one) for one in shown), nothing
    )
    query = {"q": sought} if sought else {}
    more = layout.pages(view.path("people"), query, view.page, more=len(rows) > _PER_PAGE)
    count = people.count(view.sql, view.account)
    return view.render(
        "People",
        join([fill('<section class="card">{body}</section>', body=body), more]),
        section="people",
        lead=f"{count:,} {'profile' if count == 1 else 'profiles'}",
        tools=fill(_SEARCH, sought=sought),
    )


def one(view: View, profile_id: str) -> Html | None:
    person = people.get(view.sql, view.account, profile_id)
    if person is None:
        return None
    left = join([_consent(view, person), _lists(view, person), _details(view, person)])
    body = fill(
        '<div class="grid-2"><div class="stack">{left}</div>{right}</div>',
        left=left,
        right=layout.card("Activity", timeline.of_person(view, person.id)),
    )
    return view.render(
        _name(person),
        body,
        section="people",
        crumbs=[("People", view.path("people"))],
        lead=person.email or person.phone_number or person.id,
        tools=standing(person),
    )


def standing(person: Person) -> Html:
    """Whether mail may go to them, in one word; as in Klaviyo, who unsubscribed is not called suppressed."""
    consent = person.consent.email.consent
    told_already = {"UNSUBSCRIBE"} if consent == "UNSUBSCRIBED" else set()
    if person.consent.suppressions.keys() - told_already:
        return layout.pill("Suppressed", "bad")
    kind = {"SUBSCRIBED": "good", "UNSUBSCRIBED": "bad"}.get(consent, "warn")
    return layout.pill(_words(consent).capitalize(), kind)


def _line(view: View, person: Person) -> tuple[Any, ...]:
    who = fill(
        '<a href="{where}"><b>{name}</b></a><span class="under">{address}</span>',
        where=view.path("people", person.id),
        name=_name(person),
        address=person.email or person.phone_number or person.external_id or person.id,
    )
    lists = ", ".join(row["name"] for row in list_store.of_profile(view.sql, person.id))
    return who, standing(person), lists or layout.NONE, view.when(person.last_event_date)


def _consent(view: View, person: Person) -> Html:
    consent = person.consent
    told: dict[str, Any] = {
        "E-mail": standing(person),
        "Consent": _words(consent.email.consent).capitalize(),
        "Can receive e-mail": "Yes" if consent.can_receive_email(person.email) else "No",
        **_evidence(view, consent.email),
    }
    for reason, at in consent.suppressions.items():
        told[f"Suppressed: {_words(reason)}"] = view.when(at)
    for list_id, (reason, at) in consent.list_suppressions.items():
        told[f"Off list {list_id}: {_words(reason)}"] = view.when(at)
    for row in double_opt_in.waiting(view.sql, person.id):
        told["Waiting for a confirming click since"] = view.when(row["asked_at"])
    told["SMS"] = _words(consent.sms.consent).capitalize()
    buttons = consent_buttons.buttons(view, person) if person.email else layout.NOTHING
    return layout.card("Consent", layout.inside(join([layout.pairs(told), buttons])))


def _evidence(view: View, channel: Channel) -> dict[str, Any]:
    told = {
        "Since": view.when(channel.consent_timestamp) if channel.consent_timestamp else None,
        "How": channel.method and _words(channel.method).capitalize(),
        "Source": channel.custom_method_detail or channel.method_detail,
        "Double opt-in": {True: "Yes", False: "No"}.get(channel.double_optin)
        if channel.double_optin is not None
        else None,
    }
    return {name: value for name, value in told.items() if value}


def _lists(view: View, person: Person) -> Html:
    rows = list_store.of_profile(view.sql, person.id)
    told = {row["name"]: f"since {view.when(row['joined_at'])}" for row in rows}
    body = layout.inside(layout.pairs(told)) if told else layout.empty("On no list.")
    return layout.card("Lists", body)


def _details(view: View, person: Person) -> Html:
    told: dict[str, Any] = {
        "Id": person.id,
        "E-mail": person.email,
        "Further addresses": ", ".join(one.email for one in person.others.values()) or None,
        "Phone": person.phone_number,
        "External id": person.external_id,
        **{name: value for name, value in person.attributes.items() if name != "location"},
        **person.attributes.get("location", {}),
        "Created": view.when(person.created),
        "Updated": view.when(person.updated),
    }
    known = {name.replace("_", " ").capitalize(): value for name, value in told.items() if value is not None}
    custom = layout.inside(layout.pairs(person.properties)) if person.properties else layout.empty("None.")
    return join([layout.card("Details", layout.inside(layout.pairs(known))), layout.card("Custom properties", custom)])


def _name(person: Person) -> str:
    names = [person.attributes.get("first_name"), person.attributes.get("last_name")]
    return " ".join(name for name in names if name) or person.email or person.phone_number or person.id


def _words(text: str) -> str:
    return text.replace("_", " ").lower()
