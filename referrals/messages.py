"""Sorae's own e-mails to a friend: the invite, and its reminders.

Not a word of it was typed by the inviter, but for a first name that looks like one; not even the friend's name,
which the inviter typed as well. There is one link of ours, no picture, and no tracking.
"""

from email.headerregistry import Address
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from referrals import domains, names, unsubscribe_links
from referrals.models import Invite, Store

LONGEST_SUBJECT = 120
LONGEST_SENDER = 80


def invitation(invite: Invite, *, number: int = 0, message_id: str) -> EmailMultiAlternatives:
    """The invite (`number` 0) or its first, second, … reminder, in text and HTML, ready to send.

    A repeated send is known by its `message_id`, "<…@…>".
    """
    template = f"referrals/mail/{'reminder' if number else 'invite'}"
    words = _words(invite)
    subject = _in_a_header(render_to_string(f"{template}.subject.txt", words), LONGEST_SUBJECT)
    message = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"{template}.txt", words),
        from_email=_sender(invite.advocate.program.store),
        # Django would read an international domain by the standard of 2003, which may make it another's:
        # https://docs.python.org/3/library/codecs.html#module-encodings.idna
        to=[domains.address_in_ascii(invite.recipient_email)],
        headers={
            "Message-ID": message_id,
            "List-Unsubscribe": f"<{words['unsubscribe_address']}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",  # https://www.rfc-editor.org/rfc/rfc8058#section-3.1
            "Auto-Submitted": "auto-generated",  # https://www.rfc-editor.org/rfc/rfc3834#section-5
            "X-Auto-Response-Suppress": "All",
        },
    )
    message.attach_alternative(render_to_string(f"{template}.html", words | {"subject": subject}), "text/html")
    return message


def unsubscribe_address(invite: Invite) -> str:
    """Where the friend can say no to this invite's store: a page, and RFC 8058's one click."""
    return unsubscribe_links.address(invite)


def _words(invite: Invite) -> dict[str, Any]:
    program = invite.advocate.program
    return {
        "inviter": names.shown(invite.advocate),
        "store": names.line(program.store.name),
        "offer": "\n".join(filter(None, map(names.line, program.offer.splitlines()))),
        "code": names.line(program.offer_code),
        "expires_on": program.store.local(invite.expires_at).date() if invite.expires_at else None,
        "link": invite.link,
        "unsubscribe_address": unsubscribe_address(invite),
    }


def _sender(store: Store) -> str:
    """The store's name before the site's own address, whatever the name is made of."""
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return str(Address(display_name=_in_a_header(store.name, LONGEST_SENDER), addr_spec=address))


def _in_a_header(words: str, longest: int) -> str:
    """One line, which no reader takes for the encoded words of RFC 2047, as these may hide anything."""
    return names.line(words.replace("=?", "= ?"), longest)
