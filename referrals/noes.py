"""The no of a person that stands: what they have refused a store, until they take it back themselves.

Only a yes that is proved takes a no back, and only one that is certainly later: by their turns at the store; where the
time of a yes was told by somebody (a host's import, Klaviyo's confirmation), also by more than clocks may differ.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.db.models import Q, QuerySet

from referrals import person_key
from referrals.models import OptIn, OptOut, Suppression

CLOCKS_DIFFER = timedelta(minutes=5)
#: Taken back from the mailbox only, however well we know who says it.
NEEDS_MAILBOX = (Suppression.Reason.ERASED, Suppression.Reason.COMPLAINED, Suppression.Reason.BOUNCED)


def standing(emails: Iterable[str], stores: Collection[int] | None = None) -> list[OptOut]:
    """The noes of these people that nothing has taken back, in the order of their turns; two queries for any number.

    `stores`: only what was said to these.
    """
    said = OptOut.objects.filter(person_key.stored("person", person_key.owners(emails)))
    return untaken(said if stores is None else said.filter(store__in=stores))


def untaken(noes: "QuerySet[OptOut]") -> list[OptOut]:
    """Those of the noes that nothing has taken back, in the order of their turns; two queries."""
    said = list(noes.order_by("turn", "pk"))
    if not said:
        return []
    by_them = Q(person__in=set().union(*map(_digests, said)), store__in={no.store_id for no in said})
    yeses = [yes for yes in OptIn.objects.filter(by_them).exclude(proof=OptIn.Proof.NONE) if _is_for_mail(yes)]
    return [no for no in said if not any(takes_back(yes, no) for yes in yeses)]


def is_taken_back(no: OptOut) -> bool:
    """Whether the person has certainly asked for the store's e-mail again since."""
    return not untaken(OptOut.objects.filter(pk=no.pk))


def said_after(yes: OptIn) -> bool:
    """Whether a no of the person is, or may be, later than their yes."""
    noes = OptOut.objects.filter(person_key.stored("person", person_key.every(yes.email)), store=yes.store_id)
    return any(not _is_later(yes, no) for no in noes)


def said_before(yes: OptIn) -> bool:
    """Whether the person has ever said no to the store, or is on our list of those who are not written to."""
    keys = person_key.every(yes.email)
    if OptOut.objects.filter(person_key.stored("person", keys), store=yes.store_id).exists():
        return True
    listed = Suppression.objects.filter(person_key.stored("mailbox_hash", keys))
    return listed.filter(Q(store=yes.store_id) | Q(store=None)).exists()


def needs_mailbox(yes: OptIn) -> bool:
    """Whether they complained, were erased, or could not be reached: their mailbox must say that they want it."""
    keys = person_key.every(yes.email)
    listed = Suppression.objects.filter(
        Q(store=yes.store_id) | Q(store=None), person_key.stored("mailbox_hash", keys), reason__in=NEEDS_MAILBOX
    )
    complaints = OptOut.objects.filter(person_key.stored("person", keys), store=yes.store_id, is_complaint=True)
    return yes.proof != OptIn.Proof.CONFIRMED and (listed.exists() or complaints.exists())


def outdoes(yes: OptIn, no: OptOut) -> bool:
    """Whether a yes of the person to the store, proved well enough, is certainly later by its time alone."""
    is_late = (yes.proved_at or yes.occurred_at) > no.occurred_at + CLOCKS_DIFFER
    return is_late and _is_proved(yes, no) and _is_for_mail(yes)


def takes_back(yes: OptIn, no: OptOut) -> bool:
    """Whether a yes undoes a no: the same person's, to the same store, proved well enough, and certainly later."""
    is_theirs = yes.store_id == no.store_id and (_key(no) in _keys(yes) or _key(yes) in _keys(no))
    return is_theirs and _is_proved(yes, no) and _is_later(yes, no)


def _is_proved(yes: OptIn, no: OptOut) -> bool:
    return yes.proof == OptIn.Proof.CONFIRMED if no.is_complaint else yes.proof != OptIn.Proof.NONE


def _is_later(yes: OptIn, no: OptOut) -> bool:
    if not (yes.turn > no.turn or (yes.turn == no.turn == 0 and yes.occurred_at > no.occurred_at)):
        return False
    if yes.proved_at is None and yes.occurred_at == yes.created_at:
        return True  # both by the database's clock, under the store's lock: the turn says it all
    return (yes.proved_at or yes.occurred_at) > no.occurred_at + CLOCKS_DIFFER


def _key(word: OptIn | OptOut) -> person_key.Key:
    return word.key_version, word.person


def _keys(word: OptIn | OptOut) -> set[person_key.Key]:
    return {_key(word), *person_key.every(word.email)}


def _digests(word: OptIn | OptOut) -> set[str]:
    return {digest for _, digest in _keys(word)}


def _is_for_mail(yes: OptIn) -> bool:
    return OptIn.Channel.EMAIL in yes.channels
