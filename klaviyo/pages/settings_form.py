"""Form of one store's settings, with what each choice means."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms

from klaviyo.api.lists import List
from klaviyo.mapping import switches
from klaviyo.mapping.switches import Group
from klaviyo.models import StoreSetting
from klaviyo.pages.list_choices import KnownLists

if TYPE_CHECKING:  # generic for the type checker alone
    ModelForm = forms.ModelForm[StoreSetting]
else:
    ModelForm = forms.ModelForm

Behaviour, Permission = StoreSetting.Behaviour, StoreSetting.Permission

LISTS_SHOWN = 200
LISTS = {  # the fields that name a list: what for, and choosing none
    "list_id": ("List", "No list", ""),
    "newsletter_list_id": ("Newsletter list", "No newsletter list", "A yes is kept here, and goes to no list."),
}

SWITCHES_SHOWN = "switches"  # the hidden field that says that boxes without a tick are meant so
SWITCHES = (
    (
        "Events that are sent",
        "What happens while an event is off is on record here as not sent, and is not sent later. Invites and "
        "reminders that Klaviyo delivers are messages: the choices above and each program say whether they go. "
        "Unsubscribes and erasures always go.",
        switches.EVENTS,
    ),
    (
        "Profile fields that are sent",
        "A field that is off is left out of whatever is sent next. What Klaviyo has of it stays there as it is.",
        switches.FIELDS,
    ),
)

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
        "which is safe under every law we know of. Most friends are new to you, so most invites will not be sent: "
        "let advocates share their link instead.",
    },
    "reminder_policy": {
        Permission.NOT_OPTED_OUT: "A reminder goes to every friend who has not said no. Nobody asked for this second "
        "message, so more laws forbid it without consent, and more people report it as spam, which hurts all "
        "your e-mail.",
        Permission.SUBSCRIBED_ONLY: "A reminder goes to subscribers only, which is what most laws on e-mail "
        "marketing expect. Friends who have not subscribed keep their invite, and nothing more is sent.",
    },
}


@dataclass(frozen=True)
class Choice:
    """A radio button with what choosing it means."""

    value: str
    label: str
    meaning: str
    is_chosen: bool


@dataclass(frozen=True)
class Box:
    """A check box of one event or profile field."""

    name: str
    label: str
    meaning: str
    is_on: bool


@dataclass(frozen=True)
class Shelf:
    """Check boxes that have to do with each other."""

    name: str
    boxes: list[Box]

    @property
    def on(self) -> int:
        return sum(box.is_on for box in self.boxes)


@dataclass(frozen=True)
class Picker:
    """The choice of one list: the field's name, what is chosen, what is stored, and what was stored but is gone."""

    name: str
    legend: str
    none: str
    none_means: str
    chosen: str
    stored: str
    lost: str
    words: str
    errors: Any
    lists: list[List]
    hidden: int

    @property
    def is_nothing_found(self) -> bool:
        """Whether nothing has the words, but perhaps what is chosen."""
        return bool(self.words.strip()) and all(item.id == self.chosen for item in self.lists)

    @property
    def search(self) -> str:
        """The name of the search field, which is also the prefix of its ids."""
        return f"{self.name}_words"


class SettingsForm(ModelForm):
    """Settings of one store for one account. The list counts only where profiles are created."""

    class Meta:
        model = StoreSetting
        fields = ("is_enabled", "behaviour", "list_id", "newsletter_list_id", "invite_policy", "reminder_policy")

    def __init__(self, *args: Any, known_lists: KnownLists, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known_lists = known_lists
        self.stored_off = list(self.instance.left_out)
        self.stored = {name: str(getattr(self.instance, name)) for name in LISTS}
        self.version = _version(self.instance, self.stored_off)

    @property
    def switches(self) -> list[tuple[str, str, list[Shelf]]]:
        """Heading, what switching off means, and the groups of switches."""
        off = self._off()
        return [(name, means, [_shelf(group, off) for group in groups]) for name, means, groups in SWITCHES]

    def _off(self) -> Collection[str]:
        """What is off: as it was posted, if anything of it was."""
        if self.data.get(SWITCHES_SHOWN):
            return switches.left_out(self.data.getlist("sent"))  # type: ignore[attr-defined]
        return list(self.instance.left_out)

    @property
    def seen(self) -> str:
        """Which version of the settings whoever sends this has had before them."""
        return str(self.data.get("seen") or self.version)

    def is_overtaken(self, now: StoreSetting) -> bool:
        """Whether somebody else has changed the settings since, into something else than this says."""
        there = _version(now, now.left_out)
        return there not in (self.seen, _version(self.instance, self._off()))

    @property
    def switched(self) -> list[str]:
        """What is switched by this, in words for the record."""
        before, now = set(self.stored_off), set(self._off())
        turned = [(sorted(now - before), "off"), (sorted(before - now), "on")]
        return [f"switched {how}: {', '.join(names)}" for names, how in turned if names]

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
    def pickers(self) -> dict[str, Picker]:
        return {
            name: self.picker(name, str(self.data.get(f"{name}_words", "")), str(self[name].value() or ""))
            for name in LISTS
        }

    @property
    def changed_lists(self) -> list[str]:
        return [name for name, stored in self.stored.items() if self.cleaned_data[name] != stored]

    def clean_list_id(self) -> str:
        return self._known_list("list_id")

    def clean_newsletter_list_id(self) -> str:
        return self._known_list("newsletter_list_id")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("behaviour") != Behaviour.CREATE:
            cleaned["list_id"] = ""
        return cleaned

    def save(self, commit: bool = True) -> StoreSetting:
        setting = self.instance
        setting.left_out = self._off()
        setting.list_name = self._name("list_id", setting.list_name)
        setting.newsletter_list_name = self._name("newsletter_list_id", setting.newsletter_list_name)
        if (newsletter_id := self.cleaned_data["newsletter_list_id"]) != self.stored["newsletter_list_id"]:
            newsletter = self.known_lists.with_id(newsletter_id)  # of the same list, sending may know better by now
            setting.is_double_opt_in = newsletter is not None and newsletter.is_double_opt_in
        saved: StoreSetting = super().save(commit)
        return saved

    def picker(self, name: str, words: str, chosen: str) -> Picker:
        """The choice as it is narrowed down to what has these words, and what is chosen."""
        stored = self.stored[name]
        matching = self.known_lists.searched(words, chosen)
        is_lost = stored and self.known_lists.named(stored) is None
        kept_name = str(getattr(self.instance, name.replace("_id", "_name"))) or stored
        return Picker(
            name=name,
            legend=LISTS[name][0],
            none=LISTS[name][1],
            none_means=LISTS[name][2],
            chosen=chosen,
            stored=stored,
            lost=kept_name if is_lost else "",
            words=words,
            errors=self[name].errors,
            lists=matching[:LISTS_SHOWN],
            hidden=max(len(matching) - LISTS_SHOWN, 0),
        )

    def _known_list(self, name: str) -> str:
        list_id = str(self.cleaned_data[name])
        if list_id and list_id != self.stored[name] and self.known_lists.named(list_id) is None:
            raise forms.ValidationError("Choose one of the account's lists; this one is not among them.")
        return list_id

    def _name(self, field: str, stored_name: str) -> str:
        """The name of the chosen list; the stored one where the account does not tell."""
        list_id = self.cleaned_data[field]
        kept = stored_name if list_id == self.stored[field] else ""
        return (self.known_lists.named(list_id) or kept) if list_id else ""


def _version(setting: StoreSetting, off: Collection[str]) -> str:
    values = [setting.connection_id, *(getattr(setting, name) for name in SettingsForm.Meta.fields), sorted(off)]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _shelf(group: Group, off: Collection[str]) -> Shelf:
    return Shelf(group.name, [Box(one.name, one.label, one.meaning, one.name not in off) for one in group.switches])
