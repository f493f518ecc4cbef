"""The law of consent: no message to a person who said no, and no consent changed but by the person."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from klaviyo.sandbox import SeenProfile
from referrals import person_key
from referrals.models import Invite, Reminder, Suppression
from sorae.demo.consent_history import Said
from sorae.demo.expected import Expected
from sorae.demo.mail_folder import mailbox
from sorae.demo.world import World


def breaches(wanted: Iterable[Expected], world: World) -> Iterable[str]:
    # What has reached people whose consent it needs: Klaviyo's flows write to whoever gets such an event.
    sent = [one for one in wanted if one.metric.consent and world.has(one)]
    yield from _told_against_their_will(sent, world)
    yield from _told_after_a_no_here(sent)
    yield from _changed(world)
    yield from _still_there(world)


def _told_against_their_will(sent: Iterable[Expected], world: World) -> Iterable[str]:
    for one in sent:
        if not world.may_be_told(one):
            yield f"{one.name} went to a person who may not be told."


def _told_after_a_no_here(sent: Iterable[Expected]) -> Iterable[str]:
    """An invite or a reminder that was made when the person had said no to Sorae already."""
    for one in sent:
        facts = Invite.objects if one.metric.consent == "invite" else Reminder.objects
        made_at: datetime = facts.get(uid=one.fact_id).created_at
        noes = Suppression.objects.filter(Q(store=one.setting.store_id) | Q(store=None), created_at__lt=made_at)
        if noes.filter(mailbox_hash=person_key.of(one.email)).exists():
            yield f"{one.name} went to a person who had said no to Sorae."


def _changed(world: World) -> Iterable[str]:
    """Everybody stands as before, but for what they did themselves; newcomers have said nothing."""
    for profile in world.profiles:
        if (profile.consent, frozenset(profile.suppressions)) not in _possible(profile, world):
            yield f"The consent of profile {profile.id} at {profile.account} was changed."
        here = (profile.account, mailbox(profile.email))
        if profile.sms_consent != "NEVER_SUBSCRIBED" and here not in world.opted_in_to_texts:
            yield f"Profile {profile.id} at {profile.account} was subscribed to text messages."


def _possible(profile: SeenProfile, world: World) -> set[tuple[str, frozenset[str]]]:
    here = (profile.account, mailbox(profile.email))
    said: list[Said] = world.register.ever(*here)[-1:]
    if here in world.opted_in:
        said += [word.after("subscribed") for word in said]
    if here in world.opted_out_of_all:
        said += [word.after("unsubscribed") for word in said]
    return {(word.consent, word.suppressions) for word in said}


def _still_there(world: World) -> Iterable[str]:
    erased = {mailbox(email) for email in world.erased}
    for profile in world.profiles:
        if mailbox(profile.email) in erased and profile.account not in world.away:
            yield f"Profile {profile.id} at {profile.account} is an erased person's."
