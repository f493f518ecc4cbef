"""Removal of a starter kit: what is still as we made it is deleted, and the rest is named with the reason."""

from datetime import timedelta
from functools import partial

from django.db.models import Q
from django.utils import timezone

from integrations import outcomes
from integrations.errors import IntegrationError, OperatorRequired, PermanentError
from integrations.outcomes import CalledOff
from klaviyo.api import flows, things, values
from klaviyo.api.answers import words
from klaviyo.api.things import Thing
from klaviyo.models import KitItem, StoreSetting
from klaviyo.starter_kit import comparison
from klaviyo.starter_kit.making import Parts
from klaviyo.starter_kit.plan import BY_KEY, MARK, PLAN, Planned
from klaviyo.starter_kit.work import Work

State = KitItem.State
CHANGED = "Somebody has changed it since it was made."
NOT_DRAFT = "It is {status}. Set it to draft in Klaviyo first, if it is not needed any more."
ITS_FLOW = "The flow that it was made for stays."
HAS_PEOPLE = "There are people in it: {count}."
NO_COUNT = "Klaviyo does not say whether anybody is in it."
IN_SETTINGS = "A store's settings use it."
STARTS_FLOWS = "A flow is started by it."
NOT_OURS = "It was there before, as far as we know."
BORNE = "Something bears it that is not of the kit, or that stays."
CAMPAIGNS_UNKNOWN = "A campaign may bear it; without the scope campaigns:read nobody can tell."
IN_HAND = "Somebody has saved it within the last ten minutes, and may be at work on it. Remove the kit again later."
AT_WORK = timedelta(minutes=10)
BY_OURSELVES = timedelta(minutes=5)  # until a thing that was made bears its tag, and Klaviyo has worked it through
EDITED = ("flow", "template")
ORDER = ("flow", "template", "segment", "list", "tag")  # what uses something goes before it
BEARERS = ("flow", "segment", "list", "campaign")


def remove(work: Work) -> None:
    """All that is still as it was made. Raises IntegrationError where it cannot go on now."""
    parts, tag_id = Parts(work), _tag(work)
    for planned in sorted(PLAN, key=lambda one: ORDER.index(one.kind)):
        item = work.item(planned)
        if item.state not in (State.REMOVED, State.KEPT):
            try:
                _one(work, parts, planned, item, tag_id)
            except PermanentError as error:  # such as a template that is in use: 409
                work.note(item, state=State.KEPT, reason=error.sentence)


def _one(work: Work, parts: Parts, planned: Planned, item: KitItem, tag_id: str) -> None:
    if (
        planned is not MARK
        and not item.klaviyo_id
        and (thing := work.found(planned, item, tag_id, partial(parts.attributes, planned)))
    ):
        work.adopt(item, thing, parts.attributes(planned))
    thing = things.one(work.client, planned.kind, item.klaviyo_id, in_full=True) if item.klaviyo_id else None
    if thing is not None:
        if reason := _objection(work, planned, item, thing):
            work.note(item, state=State.KEPT, reason=reason)
            return
        things.delete(work.client, planned.kind, thing.id, partial(_last_look, work, planned, item))
    gone = {"klaviyo_id": "", "made": {}, "is_tagged": False, "began_at": None}
    work.note(item, state=State.REMOVED, reason="", **gone)


def _objection(work: Work, planned: Planned, item: KitItem, thing: Thing) -> str:
    """Why a thing is not deleted; empty where it may be."""
    if planned is MARK:
        return _objection_to_tag(work, item, thing)
    status = words(thing.attributes.get("status"))
    if planned.kind == "flow" and status != flows.DRAFT:
        return NOT_DRAFT.format(status=status or "not known as a draft")
    if comparison.look(thing) != item.made or (planned.kind == "flow" and _has_other_mail(work, planned, thing)):
        return CHANGED
    if _is_in_hand(thing):
        return IN_HAND
    if planned.kind == "template" and work.item(BY_KEY[f"flow:{planned.of}"]).state == State.KEPT:
        return ITS_FLOW
    if thing.starts:
        return STARTS_FLOWS
    return _objection_to_list(work, thing) if planned.kind == "list" else ""


def _is_in_hand(thing: Thing) -> bool:
    """Whether somebody has touched it just now, and left it as it was: they may be about to use it."""
    touched_at = values.moment(thing.attributes.get("updated")) if thing.kind in EDITED else None
    if not (touched_at and thing.created_at) or touched_at < thing.created_at + BY_OURSELVES:
        return False
    return touched_at > timezone.now() - AT_WORK


def _objection_to_list(work: Work, thing: Thing) -> str:
    if _is_in_settings(work, thing):
        return IN_SETTINGS
    count = thing.attributes.get("profile_count")
    if not isinstance(count, int):
        return NO_COUNT
    return HAS_PEOPLE.format(count=count) if count else ""


def _is_in_settings(work: Work, thing: Thing) -> bool:
    used = Q(list_id=thing.id) | Q(newsletter_list_id=thing.id)
    return StoreSetting.objects.filter(used, connection=work.kit.connection).exists()


def _last_look(work: Work, planned: Planned, item: KitItem) -> None:
    """Raises CalledOff where it is not to be deleted now: the request may have waited for the account's limits.

    Klaviyo deletes without a condition: what somebody does to it between this answer and the request, which leaves with
    it, cannot be seen. https://developers.klaviyo.com/en/reference/delete_flow
    """
    try:
        thing = things.one(work.client, planned.kind, item.klaviyo_id, in_full=True)
        is_spoken_for = thing is not None and bool(_objection(work, planned, item, thing))
    except IntegrationError:
        is_spoken_for = True  # as far as anybody knows; it is looked at anew
    if is_spoken_for:
        raise CalledOff(outcomes.Retry())
    work.still_ours()  # last, as the question may have waited as well


def _objection_to_tag(work: Work, item: KitItem, thing: Thing) -> str:
    if not item.made:
        return NOT_OURS
    if comparison.look(thing) != item.made:
        return CHANGED
    for kind in BEARERS:
        try:
            if things.bearing(work.client, thing.id, kind):
                return BORNE
        except OperatorRequired:
            return CAMPAIGNS_UNKNOWN
    return ""


def _has_other_mail(work: Work, planned: Planned, thing: Thing) -> bool:
    """Whether a flow's mail is another than ours; Klaviyo may have made a copy of the template for the flow."""
    ours = work.item(BY_KEY[planned.template])
    for id in comparison.templates(thing):
        if not id:
            return True
        if id != ours.klaviyo_id:
            copy = things.one(work.client, "template", id)
            if copy is None or copy.attributes.get("html") != BY_KEY[planned.template].attributes()["html"]:
                return True
    return False


def _tag(work: Work) -> str:
    """The id of our tag, by which things of a kit that is not remembered are found; empty where there is none."""
    item = work.item(MARK)
    if not item.klaviyo_id and (there := next(iter(things.named(work.client, "tag", MARK.name)), None)):
        made = comparison.look(there) if item.began_at else {}
        work.note(item, klaviyo_id=there.id, made=made, began_at=None)
    return item.klaviyo_id
