"""Profile merge: one profile goes into another, which keeps what it has; the first is gone."""

from klaviyo.sandbox.protocol.calls import Answer, Call
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.validation import Items, Members, Text
from klaviyo.sandbox.resources import profiles, topics
from klaviyo.sandbox.state import identifiers, people, webhook_deliveries
from klaviyo.sandbox.state.people import Person

_ONE = Items(Members({"type": Text(choices=("profile",)), "id": Text()}), fewest=1, most=1)
_BODY = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("profile-merge",)),
                "id": Text(),
                "relationships": Members({"profiles": Members({"data": _ONE})}),
            }
        )
    }
)
_AT = "/data/relationships/profiles/data/0/id"


def merge_profiles(call: Call) -> Answer:
    data = call.parse(_BODY)["data"]
    (named,) = data["relationships"]["profiles"]["data"]
    if named["id"] == data["id"]:
        raise Refusal(invalid("A profile cannot be merged into itself.", _AT))
    kept, gone = profiles.require(call, data["id"]), profiles.require(call, named["id"])
    _move(call, kept, gone)
    people.delete(call.sql, [gone.id])
    _fill(kept, gone)
    people.save(call.sql, kept)
    webhook_deliveries.record(call.sql, call.account, kept.id, topics.MERGED)
    link = call.address(f"/api/profiles/{kept.id}")
    return call.one({"type": "profile", "id": kept.id, "links": {"self": link}}, 201)


def _move(call: Call, kept: Person, gone: Person) -> None:
    """Events and memberships of the one become the other's, unless they have the same."""
    for table, column in (
        ("events", "profile"),
        ("members", "profile"),
        ("notices", "profile"),
        ("pending_opt_ins", "profile"),
    ):
        call.sql.execute(
            f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {column} = ?",  # noqa: S608 - fixed names
            (kept.id, gone.id),
        )


def _fill(kept: Person, gone: Person) -> None:
    """What the kept one lacks comes from the other, a channel's consent with its address."""
    if not kept.email and gone.email:
        kept.email = gone.email
        kept.consent.email = gone.consent.email
        kept.consent.suppressions = gone.consent.suppressions
        kept.consent.list_suppressions = gone.consent.list_suppressions
    if not kept.phone_number and gone.phone_number:
        kept.phone_number = gone.phone_number
        kept.consent.sms = gone.consent.sms
    for name in ("external_id", "anonymous_id", "kx"):
        setattr(kept, name, getattr(kept, name) or getattr(gone, name))
    kept.attributes = {**gone.attributes, **kept.attributes}
    kept.properties = {**gone.properties, **kept.properties}
    kept.last_event_date = max(kept.last_event_date or "", gone.last_event_date or "") or None
    kept.updated = identifiers.instant()
