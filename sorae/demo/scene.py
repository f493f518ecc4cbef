"""The demo's stores and programs, the Klaviyo account that each is joined to, and the settings of that."""

from dataclasses import dataclass

from klaviyo.models.policies import Policy


@dataclass(frozen=True)
class Shop:
    """A store with its program, and the account and settings it is joined to; accounts are the sandbox's."""

    slug: str
    name: str
    url: str
    country: str
    currency: str
    program: str
    program_name: str
    program_type: str
    offer: str
    offer_code: str
    account: str
    behaviour: str
    list_name: str
    invites_to: Policy
    reminders_to: Policy
    newsletter: str = ""
    invites_by: str = "klaviyo"
    most_reminders: int = 0

    @property
    def creates_profiles(self) -> bool:
        return self.behaviour == "create"


TEA = Shop(
    slug="tea-house",
    name="Tea House",
    url="https://teahouse.example",
    country="FI",
    currency="EUR",
    program="friends-of-tea",
    program_name="Friends of Tea",
    program_type="referral",
    offer="€5 off your first order of tea.",
    offer_code="FIRSTCUP",
    account="VxYz12",
    behaviour="create",
    list_name="Referred friends",
    invites_to=Policy.NOT_OPTED_OUT,
    reminders_to=Policy.SUBSCRIBED_ONLY,
    newsletter="Newsletter",
)
COFFEE = Shop(
    slug="nordlys-coffee",
    name="Nordlys Coffee",
    url="https://nordlys.example",
    country="NO",
    currency="NOK",
    program="nordlys-partners",
    program_name="Nordlys Partners",
    program_type="affiliate",
    offer="15 % off the first bag of beans.",
    offer_code="NORDLYS15",
    account="Qk7LmA",
    behaviour="update_existing",
    list_name="",
    invites_to=Policy.SUBSCRIBED_ONLY,
    reminders_to=Policy.NOT_OPTED_OUT,
    newsletter="Nyhetsbrev",
)
HARBOR = Shop(
    slug="harbor-and-pine",
    name="Harbor & Pine",
    url="https://harborandpine.example",
    country="US",
    currency="USD",
    program="harbor-friends",
    program_name="Friends of the Harbor",
    program_type="referral",
    offer="$10 off the first candle.",
    offer_code="PINE10",
    account="Rb3WdN",
    behaviour="create",
    list_name="Friends of friends",
    invites_to=Policy.NOT_OPTED_OUT,
    reminders_to=Policy.NOT_OPTED_OUT,
    newsletter="Letters from the harbor",
    invites_by="sorae",
    most_reminders=1,
)
SHOPS = (TEA, COFFEE, HARBOR)
TEA_CLUB = "tea-club"  # a second program of the tea shop, whose invites Sorae writes
SINGLE, DOUBLE = "single_opt_in", "double_opt_in"
LISTS = {
    TEA.account: {TEA.newsletter: SINGLE, "VIP customers": SINGLE, TEA.list_name: SINGLE},
    COFFEE.account: {COFFEE.newsletter: DOUBLE, "Partners": SINGLE},
    HARBOR.account: {HARBOR.newsletter: SINGLE, "Workshop guests": SINGLE, HARBOR.list_name: SINGLE},
}

# What the demo's site is set up with, so that a small story meets its limits.
MAIL_PER_PERSON_AND_WEEK = 3
MAIL_PER_ADVOCATE_AND_DAY = 12
