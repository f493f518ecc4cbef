"""Row locks: facts of one advocate are written one after the other, and so are consents given to one store.

Whoever needs several rows takes them in this order: store, advocates, invites, and of each the older first.
"""

from referrals import suppressions, text
from referrals.models import Advocate, Store


def is_free(advocate_id: int) -> bool:
    """Take the advocate's lock if nobody has it; False at once when somebody does."""
    row = Advocate.objects.filter(pk=advocate_id).select_for_update(of=("self",), no_key=True, skip_locked=True)
    return bool(row.values_list("pk").first())


def take(advocate_id: int | None) -> Advocate:
    """The advocate as it is now, held until the transaction ends; ValidationError when it is not stored.

    NO KEY UPDATE leaves foreign keys alone, so that others may still refer to the advocate meanwhile:
    https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
    """
    nobody = text.refused("advocate", "is nobody who is stored. Let the person join first.")
    if advocate_id is None:
        raise nobody
    people = Advocate.objects.select_related("program__store").select_for_update(of=("self",), no_key=True)
    try:
        return people.get(pk=advocate_id)
    except Advocate.DoesNotExist:
        raise nobody from None


def take_somebody(advocate_id: int | None) -> Advocate:
    """The advocate, locked as by `take`; ValidationError when the person was erased."""
    person = take(advocate_id)
    if suppressions.is_erased(person.email):
        raise text.refused("advocate", "has been erased. Let the person join again.")
    return person


def take_store(store_id: int | None) -> Store:
    """The store as it is now, locked until the transaction ends."""
    stores = Store.objects.select_for_update(no_key=True)
    store = None if store_id is None else stores.filter(pk=store_id).first()
    if store is None:
        raise text.refused("store", "is not stored. Save the store first.")
    return store
