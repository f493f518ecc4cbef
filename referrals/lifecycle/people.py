"""Advocates: people join programs, and their details change."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Lower

from referrals import codes, erased, signals, suppressions, text, times
from referrals.lifecycle import locks
from referrals.models import Advocate, Program

CODE_TRIES = 5


@transaction.atomic
def join(
    program: Program,
    email: str,
    *,
    first_name: str = "",
    last_name: str = "",
    phone: str = "",
    locale: str = "",
    role: str | None = None,
    tier: str = "",
    by_anybody: bool = False,
    occurred_at: datetime | None = None,
) -> Advocate:
    """A person joins a program, once per address whatever its case; sends `advocate_joined`.

    The phone is kept as it is given, number or not. Without a role, it is the one of the program's type. `by_anybody`:
    it comes from a public form, whose sender may be somebody else. Who
    joined before they were erased is stored as nobody.
    """
    person = Advocate(
        program=program,
        email=text.email(email),
        first_name=text.fit(Advocate, "first_name", first_name),
        last_name=text.fit(Advocate, "last_name", last_name),
        phone=text.fit(Advocate, "phone", phone),
        locale=text.fit(Advocate, "locale", locale),
        role=_role_in(program) if role is None else text.choice(role, "role", Advocate.Role),
        tier=text.fit(Advocate, "tier", tier),
        by_anybody=by_anybody,
        occurred_at=times.happened(occurred_at),
    )
    known = _erased_member(person) if erased.is_older(person.email, occurred_at) else None
    member = known or _member(person) or _store_with_a_free_code(person)
    if member is person:
        signals.advocate_joined.send(sender=Advocate, advocate=person)
    return member


@transaction.atomic
def update(
    advocate: Advocate,
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    phone: str | None = None,
    locale: str | None = None,
    role: str | None = None,
    tier: str | None = None,
) -> Advocate:
    """A person's details change; None leaves one alone. Sends `advocate_updated` when any is different."""
    person = locks.take_somebody(advocate.pk)
    words = {"first_name": first_name, "last_name": last_name, "phone": phone, "locale": locale, "tier": tier}
    details: dict[str, Any] = {
        field: text.fit(Advocate, field, word) for field, word in words.items() if word is not None
    }
    if role is not None:
        details["role"] = text.choice(role, "role", Advocate.Role)
    changed: dict[str, Any] = {field: word for field, word in details.items() if getattr(person, field) != word}
    if changed:
        changed["by_anybody"] = False  # the host knows whom it is about
        for field, word in changed.items():
            setattr(person, field, word)
        person.save(update_fields=changed)
        signals.advocate_updated.send(sender=Advocate, advocate=person)
    return person


def _role_in(program: Program) -> str:
    is_affiliate = program.type == Program.Type.AFFILIATE
    return Advocate.Role.AFFILIATE if is_affiliate else Advocate.Role.ADVOCATE


def _member(person: Advocate) -> Advocate | None:
    """Who is in the program already under this address, also with an international domain written in another way."""
    members = Advocate.objects.select_related("program__store").alias(address=Lower("email"))
    spelt = suppressions.spellings(person.email)
    found = members.filter(program=person.program, address__in={person.email.lower(), *spelt})
    return min(found, key=lambda member: (member.email.lower() != person.email.lower(), member.pk), default=None)


def _erased_member(person: Advocate) -> Advocate | None:
    """Who stands in the program for the person, who was erased since; where nobody does, this one will."""
    members = Advocate.objects.select_related("program__store").filter(program=person.program)
    known = members.filter(erased.stood_in("email", person.email)).order_by("pk").first()
    person.email = erased.stand_in(person.email, person.uid)
    person.first_name = person.last_name = person.phone = person.locale = person.tier = ""
    return known


def _store_with_a_free_code(person: Advocate) -> Advocate:
    """The person, stored; or the same person, when another process has just stored them."""
    for tries_left in reversed(range(CODE_TRIES)):
        try:
            with transaction.atomic():
                person.save(force_insert=True)
            return person
        except IntegrityError:
            if member := _member(person):
                return member
            if not tries_left:
                raise
            person.referral_code = codes.new()
    raise AssertionError("unreachable")
