"""The form of one store's settings, with what each choice means."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms

from klaviyo.listing import Offer
from klaviyo.models import ProfileSync

if TYPE_CHECKING:  # generic for the type checker alone
    ModelForm = forms.ModelForm[ProfileSync]
else:
    ModelForm = forms.ModelForm

Behaviour, Permission = ProfileSync.Behaviour, ProfileSync.Permission

MEANINGS: dict[str, dict[str, str]] = {
    "behaviour": {
        Behaviour.UPDATE_EXISTING: "People whom Klaviyo knows get their referral data and events; "
        "whoever it does not know is left out, events included.",
        Behaviour.CREATE: "People who join, refer or buy become profiles in Klaviyo, without any marketing consent; "
        "they count towards your Klaviyo plan once you market to them.",
    },
    "invite_policy": {
        Permission.NOT_OPTED_OUT: "A friend gets the one invite that somebody asked you to send, unless they have "
        "unsubscribed or Klaviyo has suppressed them. Some laws, Germany's for one, see such an e-mail as advertising "
        "that needs consent first; elsewhere, as in the United States, a working way to opt out is enough.",
        Permission.SUBSCRIBED_ONLY: "Only friends who have subscribed to your e-mails in Klaviyo get the invite, "
        "which is safe under every law we know of. Most friends are new to you, so most invites will be held back: "
        "let advocates share their link instead.",
    },
    "reminder_policy": {
        Permission.NOT_OPTED_OUT: "A reminder goes to every friend who has not said no. Nobody asked for this second "
        "message, so more laws forbid it without consent, and more people report it as spam, which hurts all "
        "your e-mail.",
        Permission.SUBSCRIBED_ONLY: "A reminder goes to subscribers only, which is what most laws on e-mail "
        "marketing expect. Friends who have not subscribed keep their invite and are left in peace.",
    },
}


@dataclass(frozen=True)
class Choice:
    """A radio button with what choosing it means."""

    value: str
    label: str
    meaning: str
    is_chosen: bool


class SettingsForm(ModelForm):
    """Settings of one store for one account. The list counts only where profiles are created."""

    class Meta:
        model = ProfileSync
        fields = ("is_enabled", "behaviour", "list_id", "invite_policy", "reminder_policy")

    def __init__(self, *args: Any, offer: Offer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer = offer
        self.stored_list = self.instance.list_id

    def choices(self, name: str) -> list[Choice]:
        chosen = str(self[name].value())
        options = self.fields[name].choices  # type: ignore[attr-defined]
        return [Choice(value, label, MEANINGS[name][value], value == chosen) for value, label in options if value]

    @property
    def behaviours(self) -> list[Choice]:
        return self.choices("behaviour")

    @property
    def policies(self) -> list[tuple[str, str, list[Choice]]]:
        """Name, heading and choices of each kind of message."""
        headings = {"invite_policy": "Invites go to", "reminder_policy": "Reminders go to"}
        return [(name, heading, self.choices(name)) for name, heading in headings.items()]

    @property
    def chosen_list(self) -> str:
        return str(self["list_id"].value() or "")

    @property
    def lost_list(self) -> str:
        """The stored list's name, where the account as we see it has no such list."""
        is_lost = self.stored_list and self.offer.named(self.stored_list) is None
        return (self.instance.list_name or self.stored_list) if is_lost else ""

    def clean_list_id(self) -> str:
        list_id = str(self.cleaned_data["list_id"])
        if list_id and list_id != self.stored_list and self.offer.named(list_id) is None:
            raise forms.ValidationError("Choose one of the account's lists; this one is not among them.")
        return list_id

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("behaviour") != Behaviour.CREATE:
            cleaned["list_id"] = ""
        return cleaned

    def save(self, commit: bool = True) -> ProfileSync:
        list_id = self.cleaned_data["list_id"]
        kept = self.instance.list_name if list_id == self.stored_list else ""
        self.instance.list_name = (self.offer.named(list_id) or kept) if list_id else ""
        saved: ProfileSync = super().save(commit)
        return saved
