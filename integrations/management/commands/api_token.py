"""API tokens, from the command line: make one (its secret is printed once), list them, or revoke one."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from integrations.models import ApiToken, Connection


class Command(BaseCommand):
    help = "Makes, lists and revokes tokens for the HTTP API."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        make = verbs.add_parser("make", help="make a token; its secret is printed once")
        make.add_argument("name")
        make.add_argument("--ability", action="append", required=True, help="what it may do; repeat for several")
        make.add_argument("--connection", action="append", type=int, help="a connection's number; without any, all")
        make.add_argument("--days", type=int, help="how long it is good for; without this, until it is revoked")
        make.add_argument("--per-minute", type=int, default=300, help="calls it may make in a minute (300)")
        verbs.add_parser("list", help="list all tokens")
        verbs.add_parser("revoke", help="end a token for good").add_argument("id", type=int)

    def handle(self, *_args: Any, **options: Any) -> None:
        match options["verb"]:
            case "make":
                self._make(options)
            case "list":
                self._list()
            case _:
                self._revoke(options["id"])

    def _make(self, options: dict[str, Any]) -> None:
        from integrations.api import abilities, tokens

        if unknown := abilities.unknown(options["ability"]):
            known = ", ".join(one.name for one in abilities.all_of_them())
            raise CommandError(f"There is no ability {unknown[0]}. There are: {known}.")
        wanted = options["connection"]
        connections = None if wanted is None else list(Connection.objects.filter(pk__in=wanted))
        if connections is not None and len(connections) < len(set(wanted)):
            raise CommandError("There is no such connection.")
        if not 0 < options["per_minute"] <= tokens.MOST_PER_MINUTE:
            raise CommandError(f"--per-minute takes 1 to {tokens.MOST_PER_MINUTE}.")
        days = options["days"]
        if days is not None and not 0 < days <= 3_650:
            raise CommandError("--days takes 1 to 3650.")
        _, secret = tokens.make(
            options["name"][:100],
            None,
            abilities=options["ability"],
            connections=connections,
            expires_at=timezone.now() + timedelta(days=days) if days else None,
            per_minute=options["per_minute"],
        )
        self.stderr.write("Keep it safe: it cannot be shown again.")
        self.stdout.write(secret)

    def _list(self) -> None:
        for token in ApiToken.objects.select_related("created_by").prefetch_related("connections").order_by("pk"):
            where = "all" if token.is_for_all_connections else ",".join(str(one.pk) for one in token.connections.all())
            state = "revoked" if token.is_revoked else "expired" if token.is_expired else "alive"
            state = "resting: its maker is deactivated" if state == "alive" and token.is_orphaned else state
            said = (token.pk, token.prefix, state, f"connections {where}", ",".join(token.abilities), token.name)
            self.stdout.write("\t".join(map(str, said)))

    def _revoke(self, pk: int) -> None:
        from integrations.api import tokens

        token = ApiToken.objects.filter(pk=pk).first()
        if token is None:
            raise CommandError("There is no such token.")
        done = tokens.revoke(token)
        self.stdout.write(f"{token} {'is' if done else 'was'} revoked.")
