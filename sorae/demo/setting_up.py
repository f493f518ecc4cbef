"""Fixtures of the demo: Klaviyo's lists and profiles, our operator, stores and programs, and the store settings."""

from django.contrib.auth import get_user_model

from integrations.models import Connection
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Remote, SeedList, SeedProfile
from referrals.models import Program, Store
from sorae.demo import connecting
from sorae.demo.cast import Known
from sorae.demo.scene import DOUBLE, LISTS, SHOPS, TEA, TEA_CLUB, Shop


def klaviyo(sandbox: Remote, people: list[Known]) -> dict[str, dict[str, str]]:
    """Put lists and people into the accounts; the ids of the lists by account and name."""
    lists = {}
    for account, processes in LISTS.items():
        ids = sandbox.put_lists(account, [SeedList(name, opt_in_process=how) for name, how in processes.items()])
        lists[account] = dict(zip(processes, ids, strict=True))
        here = [_seed(person, lists[account]) for person in people if person["account"] == account]
        sandbox.put_profiles(account, here)
    return lists


def operator(password: str) -> None:
    get_user_model()._default_manager.create_superuser(username=connecting.NAME, email="", password=password)


def stores() -> dict[str, Program]:
    """The stores with their programs, by the program's slug."""
    programs = {}
    for shop in SHOPS:
        store = Store.objects.create(
            slug=shop.slug, name=shop.name, url=shop.url, country=shop.country, currency=shop.currency
        )
        programs[shop.program] = Program.objects.create(
            store=store,
            slug=shop.program,
            name=shop.program_name,
            type=shop.program_type,
            invites_by=shop.invites_by,
            offer=shop.offer,
            offer_code=shop.offer_code,
            most_reminders=shop.most_reminders,
        )
    programs[TEA_CLUB] = Program.objects.create(
        store=Store.objects.get(slug=TEA.slug),
        slug=TEA_CLUB,
        name="Tea Club",
        has_invite_page=True,
        invites_by=Program.Inviter.SORAE,
        offer="A tasting for two.",
    )
    return programs


def join(shop: Shop, connection: Connection, list_ids: dict[str, str]) -> None:
    """From here on, the store's facts go to the account."""
    StoreSetting.objects.create(
        store=Store.objects.get(slug=shop.slug),
        connection=connection,
        behaviour=shop.behaviour,
        list_id=list_ids.get(shop.list_name, ""),
        list_name=shop.list_name,
        newsletter_list_id=list_ids.get(shop.newsletter, ""),
        newsletter_list_name=shop.newsletter,
        is_double_opt_in=LISTS[shop.account].get(shop.newsletter) == DOUBLE,
        invite_policy=shop.invites_to.value,
        reminder_policy=shop.reminders_to.value,
    )


def _seed(person: Known, list_ids: dict[str, str]) -> SeedProfile:
    """With the lists' ids for their names."""
    told = {name: value for name, value in person.items() if name != "account"}
    for named in {"lists", "list_suppressions"} & told.keys():
        told[named] = [list_ids[name] for name in told[named]]
    return SeedProfile(**told)
