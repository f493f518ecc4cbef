"""Self-referrals: advocates who invite or refer themselves, by the same mailbox."""

from referrals import erased, person_key, text
from referrals.models import Advocate, Program


def is_one(person: Advocate, email: str) -> bool:
    """Whether the address is the advocate's own, however it is written."""
    return person_key.of(email) == person_key.of(person.email) or erased.stands_in(person.email, email)


def check(person: Advocate, field: str) -> None:
    """ValidationError where the program refuses them; by default they are recorded, and told to nobody."""
    if person.program.self_referrals == Program.SelfReferrals.REFUSED:
        raise text.refused(field, "is the advocate's own, which the program refuses. Give the address of a friend.")
