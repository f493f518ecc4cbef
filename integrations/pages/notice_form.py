"""Form of a notice address: a mailbox or an endpoint, and which notices it gets."""

from typing import Any
from urllib.parse import urlsplit

import idna
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from integrations import notices
from integrations.models import NoticeAddress
from integrations.notices import signing
from integrations.pages import endpoint_address

LONGEST = 2_000
LONGEST_SHOWN = 300


class NoticeForm(forms.Form):
    """What somebody types: one field for either kind of address."""

    to = forms.CharField(
        max_length=LONGEST,
        label="E-mail or endpoint",
        help_text="A mailbox such as team@shop.example, or an https address of your own that takes signed notices.",
    )
    names = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, error_messages={"required": "Choose at least one."}
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names: Any = self.fields["names"]
        names.choices = [(kind.name, kind.title) for kind in notices.all_of_them()]

    @property
    def kinds(self) -> list[tuple[notices.Kind, bool]]:
        """Each kind, and whether it is chosen; all are, at first."""
        chosen = self["names"].value() if self.is_bound else [kind.name for kind in notices.all_of_them()]
        return [(kind, kind.name in (chosen or ())) for kind in notices.all_of_them()]

    def clean_to(self) -> str:
        typed = str(self.cleaned_data["to"]).strip()
        if "://" not in typed:
            try:
                validate_email(typed)
                return _in_ascii(typed)
            except (ValidationError, UnicodeError):
                raise ValidationError("This is no e-mail address, and no address that begins with https://.") from None
        endpoint_address.refuse_odd(typed)
        return typed

    def made(self) -> NoticeAddress:
        """The row, not stored yet; an endpoint has its secret."""
        to = str(self.cleaned_data["to"])
        is_mailbox = "://" not in to
        shown = to if is_mailbox else f"{urlsplit(to).hostname} …{to[-4:]}"
        address = NoticeAddress(shown=shown[:LONGEST_SHOWN], names=self.cleaned_data["names"])
        address.kind = NoticeAddress.Kind.EMAIL if is_mailbox else NoticeAddress.Kind.ENDPOINT
        address.to = to
        address.secret = "" if is_mailbox else signing.new_secret()
        return address


def _in_ascii(email: str) -> str:
    """With its domain as it travels. Raises UnicodeError for what is no domain.

    Django itself would write another domain for some: it keeps to the standard of 2003, by which straße.example is
    strasse.example. https://www.unicode.org/reports/tr46/
    """
    local, at, domain = email.rpartition("@")
    return f"{local}{at}{idna.encode(domain, uts46=True).decode('ascii')}"
