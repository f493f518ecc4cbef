"""Opt-outs while a message waits: at Klaviyo, by the unsubscribe link, by a bounce or by a spam complaint."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import requests
from django.conf import settings

from klaviyo import bounces
from klaviyo.sandbox import Remote
from sorae.demo import last_day, mail_folder
from sorae.demo.consent_history import Change
from sorae.demo.last_day import friend
from sorae.demo.mail_folder import Mail, mailbox
from sorae.demo.scene import HARBOR, SHOPS
from sorae.demo.settling import until
from sorae.demo.world import fact_id

ON_THE_WIRE = 2.0  # seconds, after an account has told us of a no, for what was on its way at that moment
SECONDS = 60
ANSWER = (last_day.OPTS_OUT, last_day.BOUNCES, last_day.COMPLAINS)  # friends who answer their first message


@dataclass
class OptOuts:
    """What people do, and what had reached them when it could be known."""

    sandbox: Remote
    check: Callable[[], None]
    changes: list[Change] = field(default_factory=list)

    def first_messages(self) -> dict[int, Mail]:
        """The first messages to those friends who answer them, each in their own way."""
        who = {friend(HARBOR, number).email: number for number in ANSWER}
        found: dict[int, Mail] = {}

        def have_come() -> bool:
            found.update({who[mail.to]: mail for mail in mails() if mail.to in who})
            return len(found) == len(who)

        until(have_come, "The first messages are written", self.check)
        return found

    def answer(self, first: dict[int, Mail]) -> None:
        """One friend uses the link, as their mail program does it; one message bounces; one is reported as spam."""
        one_click = {"List-Unsubscribe": "One-Click"}
        link = first[last_day.OPTS_OUT].unsubscribe
        requests.post(link, data=one_click, timeout=SECONDS).raise_for_status()
        bounces.bounced(first[last_day.BOUNCES].message_id, "550 5.1.1 No such user here")
        bounces.complained(first[last_day.COMPLAINS].message_id)

    def withdraw(self) -> None:
        """Some friends say no at Klaviyo. From when it can be known, nothing may go to them."""
        for shop in SHOPS:
            for number, to in last_day.WITHDRAW.items():
                self.sandbox.flip(shop.account, friend(shop, number).email, to)
        until(self._webhooks_are_told, "Webhooks are told", self.check)
        time.sleep(ON_THE_WIRE)
        for shop in SHOPS:
            sent = self._sent(shop.account)
            for number, to in last_day.WITHDRAW.items():
                self._note(shop.account, friend(shop, number).email, to, sent)

    def confirm(self, account: str, email: str) -> bool:
        """They click in the confirmation mail. False where none was sent."""
        sent = self._sent(account)
        if not self.sandbox.confirm(account, email):
            return False
        self._note(account, email, "subscribed", sent)
        return True

    def _webhooks_are_told(self) -> bool:
        """Or never will be: Klaviyo gives up in the end."""
        told = (one for shop in SHOPS for one in self.sandbox.deliveries(shop.account))
        return all(one.state != "waiting" for one in told)

    def _note(self, account: str, email: str, to: str, sent: dict[str, set[str]]) -> None:
        before = frozenset(sent.get(mailbox(email), ()))
        self.changes.append(Change(account, mailbox(email), to, before))

    def _sent(self, account: str) -> dict[str, set[str]]:
        """What has reached people by now: the facts' ids, by mailbox."""
        found: dict[str, set[str]] = {}
        for event in self.sandbox.events(account):
            found.setdefault(mailbox(event.email), set()).add(fact_id(event))
        for mail in mails():
            found.setdefault(mail.to, set()).add(mail.fact_id)
        return found


def mails() -> list[Mail]:
    return mail_folder.read(Path(settings.VAR_DIR) / "mail")
