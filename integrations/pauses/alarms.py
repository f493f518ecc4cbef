"""Alerts to the people who run the site: in the log, and by e-mail to whoever ADMINS names."""

import logging

from django.core.mail import mail_admins

log = logging.getLogger(__name__)


def ring(subject: str, sentence: str) -> None:
    """Tell them. A mail server that is away keeps nothing from going on."""
    log.critical("%s. %s", subject, sentence)
    try:
        mail_admins(subject, sentence, fail_silently=True)
    except Exception as error:
        log.warning("Nobody could be written to about it: %s", type(error).__name__)
