"""Hold messages: nothing goes to people from now on, until an operator lets it go."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.outbox import held_messages
from integrations.pauses import message_hold


class Command(BaseCommand):
    help = (
        "Holds all messages to people: invites, reminders and newsletter opt-ins, by Klaviyo and by Sorae's own "
        "e-mail. Facts, opt-outs and erasures go on. Run it on a restored database before any worker starts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--because", required=True, metavar="WHY", help="what operators read, such as: restored")

    def handle(self, *_args: Any, **options: Any) -> None:
        message_hold.notice()  # first, as it knows until when a restored copy goes
        message_hold.begin(options["because"])
        held_messages.explain()
        count = held_messages.waiting().count()
        self.stdout.write(f"Messages to people are held; {count} wait{'s' * (count == 1)}.")
        self.stdout.write("Release them in the admin under Integrations, or with manage.py release_messages.")
