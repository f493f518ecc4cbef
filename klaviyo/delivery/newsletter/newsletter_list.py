"""Newsletter list of a store at Klaviyo: its opt-in process, its members, and whether it still exists."""

from collections.abc import Iterator
from contextlib import contextmanager

from integrations.errors import PermanentError
from integrations.models import Delivery
from klaviyo.api import answers, lists
from klaviyo.api.profiles import Profile
from klaviyo.models import StoreSetting
from klaviyo.profiles.batch import Batch
from klaviyo.profiles.errors import ListTrouble


@contextmanager
def required(setting: StoreSetting) -> Iterator[None]:
    """Raises ListTrouble when Klaviyo's answer is that there is no such list."""
    try:
        yield
    except PermanentError as error:
        if answers.is_missing(error, "list") or answers.points_at(error, "id"):
            raise ListTrouble.gone(setting.newsletter_list_name or setting.newsletter_list_id) from error
        raise


def note_opt_in_process(batch: Batch, setting: StoreSetting) -> None:
    """Keep with the setting whether people must confirm: the merchant may have changed that."""
    with required(setting):
        is_double = lists.one(batch.client, setting.newsletter_list_id).is_double_opt_in
    if is_double != setting.is_double_opt_in:
        setting.is_double_opt_in = is_double
        same = StoreSetting.objects.filter(pk=setting.pk, newsletter_list_id=setting.newsletter_list_id)
        same.update(is_double_opt_in=is_double)


def has(batch: Batch, setting: StoreSetting, person: Profile, email: str, delivery: Delivery) -> bool:
    """Whether the person, asked for by this address, is on the list."""
    with required(setting):
        return lists.is_member(batch.client, setting.newsletter_list_id, email, [delivery], person.id)
