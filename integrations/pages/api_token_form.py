"""Form of a new API token: its name, what it may do, for which connections, for how long, and how often."""

from datetime import timedelta
from itertools import groupby
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from integrations.api import abilities, tokens
from integrations.api.abilities import Ability
from integrations.models import Connection

GOOD_FOR = (("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("", "Until it is revoked"))
REACH = (("all", "All connections, those to come too"), ("some", "Only these"))


class ApiTokenForm(forms.Form):
    """What a person chooses for a token. Abilities that need a permission are offered to who has it."""

    name = forms.CharField(max_length=100, label="Name", help_text="What uses it, such as “Till in Berlin”.")
    abilities = forms.MultipleChoiceField(
        error_messages={"required": "Choose at least one thing that it may do."}, widget=forms.CheckboxSelectMultiple
    )
    reach = forms.ChoiceField(
        choices=REACH, initial="some", error_messages={"required": "Choose the connections that it is for."}
    )
    connections = forms.ModelMultipleChoiceField(
        Connection.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    good_for = forms.ChoiceField(choices=GOOD_FOR, initial="90", required=False, label="Good for")
    per_minute = forms.IntegerField(
        min_value=1, max_value=tokens.MOST_PER_MINUTE, initial=300, label="Calls a minute, at most"
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offered = [one for one in abilities.all_of_them() if not one.permission or user.has_perm(one.permission)]
        offered: Any = self.fields["abilities"]
        offered.choices = [(one.name, one.title) for one in self._offered]
        connections: Any = self.fields["connections"]
        connections.queryset = Connection.objects.order_by("account_name", "pk")

    @property
    def groups(self) -> list[tuple[str, list[tuple[Ability, bool]], bool]]:
        """The abilities by their groups, each with whether it is chosen; and whether one of the group is."""
        chosen = set(self["abilities"].value() or ())
        by_group = groupby(self._offered, key=lambda one: one.group)
        found = [(name, [(one, one.name in chosen) for one in those]) for name, those in by_group]
        return [(name, those, any(is_chosen for _, is_chosen in those)) for name, those in found]

    @property
    def accounts(self) -> list[tuple[Connection, bool]]:
        """The connections, each with whether it is chosen."""
        chosen = {str(one) for one in self["connections"].value() or ()}
        connections: Any = self.fields["connections"]
        return [(one, str(one.pk) in chosen) for one in connections.queryset]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("reach") == "some" and not cleaned.get("connections") and "connections" not in self.errors:
            self.add_error("connections", "Choose at least one connection, or all.")
        return cleaned

    def chosen(self) -> dict[str, Any]:
        """What `tokens.make` takes."""
        given = self.cleaned_data
        days = int(given["good_for"] or 0)
        return {
            "name": given["name"],
            "abilities": given["abilities"],
            "connections": None if given["reach"] == "all" else given["connections"],
            "expires_at": timezone.now() + timedelta(days=days) if days else None,
            "per_minute": given["per_minute"],
        }
