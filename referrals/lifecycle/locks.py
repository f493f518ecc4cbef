"""One advocate's facts are written one after the other."""

from referrals import text
from referrals.models import Advocate


def take(advocate_id: int | None) -> Advocate:
    """The advocate as it is now, held until the transaction ends; ValidationError when it is not stored.

    The lock leaves foreign keys alone, so that others may still refer to the advocate meanwhile.
    """
    nobody = text.refused("advocate", "is nobody who is stored. Let the person join first.")
    if advocate_id is None:
        raise nobody
    people = Advocate.objects.select_related("program__store").select_for_update(of=("self",), no_key=True)
    try:
        return people.get(pk=advocate_id)
    except Advocate.DoesNotExist:
        raise nobody from None
