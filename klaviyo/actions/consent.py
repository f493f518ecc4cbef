"""Actions on consent: a person's yes and no, and suppressions. A yes needs its origin, and no no is only left out."""

from functools import partial
from typing import Any

from klaviyo.actions import external_ids, jobs, parts, subscription, suppression, unsubscription
from klaviyo.actions.consent_inputs import (
    OfSuppressionJob,
    Subscribing,
    SubscribingOne,
    Suppressing,
    Unsubscribing,
    Unsuppressing,
    Whom,
)
from klaviyo.actions.declaration import action
from klaviyo.actions.guard import ends
from klaviyo.actions.parts import leave_out
from klaviyo.actions.task import Refused, Task


@action(
    "bulk_subscribe_profiles",
    sometimes=("get_profiles",),
    seeds=("LeadConduit: Subscribe Profile to List",),
    reaches=True,
    examples=(
        {
            "list_id": "Y6nRLr",
            "email": "ann@shop.example",
            "channels": ["email"],
            "opt_in": "Asked for it at our stand, Helsinki, 2026-08-01",
        },
    ),
)
def subscribe_profile_to_list(task: Task, given: SubscribingOne) -> dict[str, Any]:
    """Subscribe a person who asked for it to a list.

    Who has said no before is left alone. A list with double opt-in asks them to confirm first.
    """
    person = subscription.person_of(task, given)
    told = subscription.subscribe(task, given, [person], [subscription.asked_of(person)], given.list_id)
    return told | {"list_id": given.list_id}


@action(
    "bulk_subscribe_profiles",
    sometimes=("get_profiles", "create_or_update_profile"),
    seeds=("Prismatic: Subscribe Profiles",),
    reaches=True,
    examples=(
        {
            "profiles": [{"email": "ann@shop.example", "channels": ["email"]}],
            "list_id": "Y6nRLr",
            "opt_in": "The form at shop.example/news, 2026-08-01",
        },
    ),
)
def subscribe_profiles(task: Task, given: Subscribing) -> dict[str, Any]:
    """Subscribe people who asked for it, to a list or to the account.

    Who has said no before is left out. Without a list Klaviyo ignores whom it does not know: they are made first.
    """
    whom = external_ids.resolved(task, given.profiles)
    if gone := set(range(len(given.profiles))) - set(whom):
        task.guard.leave("profiles", gone, len(given.profiles))
    asked = [subscription.asked_of(one.person, one) for one in whom.values()]
    told = subscription.subscribe(task, given, [one.person for one in whom.values()], asked, given.list_id)
    return told | given.given("list_id")


@action(
    "bulk_unsubscribe_profiles",
    sometimes=("get_profiles", "get_profiles_for_list"),
    seeds=("Prismatic: Unsubscribe Profiles",),
    reaches=True,  # it may make a profile of whom Klaviyo does not know, which nobody erased must get
    examples=({"profiles": [{"email": "ann@shop.example"}], "list_id": "Y6nRLr"},),
)
def unsubscribe_profiles(task: Task, given: Unsubscribing) -> dict[str, Any]:
    """Unsubscribe people from a list, or from everything that the account sends.

    Who is not on the list is left out: Klaviyo would end everything for them. Each no to e-mail stands in Sorae, too.
    """
    whom = unsubscription.with_addresses(task, given.profiles)
    list_id = None if given.globally else given.list_id
    by_mail = [str(one.email) for one in whom.values() if "email" in unsubscription.ended(one)]
    unsubscription.note(task, by_mail, everything=list_id is None)
    on_it = unsubscription.on_list(task, list_id, whom) if list_id else set(whom)
    for at in sorted(whom.keys() - on_it):
        leave_out(
            task, at, unsubscription.NOT_ON_LIST, "They are not on the list: Klaviyo would end everything for them."
        )
    if not on_it:
        raise Refused(unsubscription.NOT_ON_LIST, "Nobody of them is on the list.", pointer="/profiles")
    going = [(at, unsubscription.ending(whom[at])) for at in sorted(on_it)]
    body = partial(ends, list_id=list_id)
    most = unsubscription.UNSUBSCRIBED_AT_ONCE
    count = parts.count(parts.send(task, "bulk_unsubscribe_profiles", "profiles", going, body, most=most))
    told = {"accepted": True, "count": count, "left_out": len(given.profiles) - count}
    return told | ({"list_id": list_id} if list_id else {})


def _asks(given: Whom) -> str:
    whom = "list" if given.list_id else "segment"
    return "" if given.emails else f"Everybody in the {whom} gets no e-mail of this account any more."


@action(
    "bulk_suppress_profiles",
    sometimes=("get_bulk_suppress_profiles_job",),
    asks=_asks,
    reaches=True,  # as above
    examples=({"emails": ["ann@shop.example"]},),
)
def suppress_profiles(task: Task, given: Suppressing) -> dict[str, Any]:
    """Suppress people: they get no e-mail of the account any more."""
    return suppression.all_of(task, "bulk_suppress_profiles", "get_bulk_suppress_profiles_job", given)


@action(
    "bulk_unsuppress_profiles",
    sometimes=("get_bulk_unsuppress_profiles_job",),
    asks="Whoever was suppressed by hand can get e-mail of this account again.",
    reaches=True,
    examples=({"emails": ["ann@shop.example"]},),
)
def unsuppress_profiles(task: Task, given: Unsuppressing) -> dict[str, Any]:
    """Lift what somebody has suppressed by hand.

    An unsubscribe, a bounce or a complaint stays. Of a list or a segment it is refused once anybody has said no: then
    name the people.
    """
    return suppression.all_of(task, "bulk_unsuppress_profiles", "get_bulk_unsuppress_profiles_job", given)


@action(
    "get_bulk_suppress_profiles_job",
    sometimes=("get_bulk_unsuppress_profiles_job",),
    examples=({"job_id": "01JABC"},),
)
def get_suppression_job(task: Task, given: OfSuppressionJob) -> dict[str, Any]:
    """See how a suppression, or the lifting of one, stands."""
    operation = f"get_bulk_{given.kind}_profiles_job"
    return jobs.told(task.call(operation, path={"job_id": given.job_id}).data)
