"""Release messages: what was held for people goes out, as the button on the admin's pages does it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.outbox import held_messages
from integrations.outbox.held_messages import Early
from integrations.pauses import message_hold


class Command(BaseCommand):
    help = "Lets messages to people go again; with --cancel-early not those that may have gone out before a restore."

    def add_arguments(self, parser: CommandParser) -> None:
        choices = [choice.value for choice in Early if choice is not Early.GO]
        parser.add_argument(
            "--cancel-early", choices=choices, help="cancel what is from before the restore: Sorae's e-mails, or all"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if settings.HOLD_MESSAGES:
            raise CommandError("HOLD_MESSAGES is set in the environment: take it out first, and restart the workers.")
        hold = message_hold.current()
        if hold is None:
            self.stdout.write("No messages are held.")
            return
        message_hold.notice()
        count = held_messages.waiting().count()
        cancelled = held_messages.let_go(hold, None, Early(options["cancel_early"] or Early.GO)) or 0
        self.stdout.write(f"Released: {count - cancelled}; cancelled: {cancelled}.")
