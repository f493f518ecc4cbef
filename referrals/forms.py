"""The public opt-in forms: no box is ticked beforehand, and each records the very words that stood beside it."""

import hashlib
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from referrals import phones, text
from referrals.models import OptIn, Store
from referrals.submissions import Wish

OUR_OPT_IN_TEXT = "E-mail me news and offers from {store}. I can stop at any time."

_ADDRESS = "Write your e-mail address like name@example.com."
_NUMBER = "Write your phone number with its country code, like +49 151 23456789."
_MOBILE = "Text messages do not reach this number. Write that of a mobile phone, like +49 151 23456789."
_WORDS = "These words have changed. Please read them, and tick the box again if you would like this."
_NAME = "Write your first name in at most 150 characters."


class _ShownWords(forms.CharField):
    """A digest of the words beside a box when it was ticked; the page always carries that of the words it shows."""

    widget = forms.HiddenInput

    def bound_data(self, data: Any, initial: Any) -> Any:  # noqa: ARG002  (the published signature)
        return initial


class NewsletterForm(forms.Form):
    """An address, and what its owner would like to get from the store; on the invite page, a box must be ticked."""

    must_tick = True

    email = forms.CharField(
        label="Your e-mail address",
        max_length=text.LONGEST_EMAIL,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
        error_messages={"required": _ADDRESS, "max_length": _ADDRESS, "null_characters_not_allowed": _ADDRESS},
    )
    wants_email = forms.BooleanField(required=False)
    wants_sms = forms.BooleanField(required=False)
    email_words = _ShownWords(required=False)
    sms_words = _ShownWords(required=False)
    phone = forms.CharField(
        label="Your mobile phone number",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
        error_messages={"max_length": _NUMBER, "null_characters_not_allowed": _NUMBER},
    )
    subject = forms.CharField(  # hidden from people, whom no browser's autofill helps with it
        label="Leave this field empty",
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}),
    )

    def __init__(self, store: Store, data: Any = None) -> None:
        super().__init__(data, label_suffix="")
        self.store = store
        self.fields["wants_email"].label = store.opt_in_text or OUR_OPT_IN_TEXT.format(store=store.name)
        self.fields["wants_sms"].label = store.sms_opt_in_text
        if not store.sms_opt_in_text:
            del self.fields["wants_sms"], self.fields["sms_words"], self.fields["phone"]
        for box, words in self._boxes():
            self.fields[words].initial = hashlib.sha256(str(self.fields[box].label).encode()).hexdigest()

    @property
    def is_from_a_machine(self) -> bool:
        return self.is_bound and bool(self.data.get("subject"))

    def clean_email(self) -> str:
        try:
            return text.email(self.cleaned_data["email"])
        except ValidationError:
            raise ValidationError(_ADDRESS) from None

    def clean(self) -> dict[str, Any]:
        words = self.cleaned_data
        is_unread = self._untick_what_was_not_shown()
        if self.must_tick and not is_unread and not words.get("wants_email") and not words.get("wants_sms"):
            self.add_error("wants_email", "Tick a box if you would like this, or simply go on to the shop.")
        if words.get("wants_sms") and "phone" in words:
            number = words["phone"] = phones.e164(words["phone"], self.store.country) or ""
            if not phones.gets_texts(number):
                self.add_error("phone", _MOBILE if number else _NUMBER)
        return words

    def wishes(self) -> Iterator[Wish]:
        """Each ticked box with its own words."""
        if self.cleaned_data.get("wants_email"):
            yield Wish(OptIn.Channel.EMAIL.value, str(self.fields["wants_email"].label))
        if self.cleaned_data.get("wants_sms"):
            words = str(self.fields["wants_sms"].label)
            yield Wish(OptIn.Channel.SMS.value, words, self.cleaned_data["phone"])

    def _untick_what_was_not_shown(self) -> bool:
        """Whether somebody ticked a box when other words stood beside it: nobody has agreed to these."""
        unread = [
            box
            for box, words in self._boxes()
            if self.cleaned_data.get(box) and self.cleaned_data.get(words) != self.fields[words].initial
        ]
        for box in unread:
            self.data = {name: value for name, value in self.data.items() if name != box}
            self.add_error(box, _WORDS)
        return bool(unread)

    def _boxes(self) -> Iterator[tuple[str, str]]:
        """Each box with the field that knows its words."""
        for channel in ("email", "sms"):
            if f"wants_{channel}" in self.fields:
                yield f"wants_{channel}", f"{channel}_words"


class JoinForm(NewsletterForm):
    """The form by which a person joins a program; its boxes may stay unticked."""

    must_tick = False

    first_name = forms.CharField(
        label="Your first name",
        required=False,
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
        error_messages={"max_length": _NAME, "null_characters_not_allowed": _NAME},
    )

    def clean_first_name(self) -> str:
        try:
            return text.clean(self.cleaned_data["first_name"], "first_name", 150)
        except ValidationError:
            raise ValidationError(_NAME) from None
