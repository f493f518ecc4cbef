"""The last step of a sync: when it runs, in which zone, and what holds it before harm is done."""

from django.http import QueryDict

from klaviyo.models import Sync
from klaviyo.pages.syncs import cron_words
from klaviyo.syncs import schedule

MOST_ROWS = 2_147_483_647
GUARDS = (
    ("removal_share", "Per cent that may leave", 100, 100),
    ("removal_floor", "And so many always may", MOST_ROWS, None),
    ("rejected_share", "Per cent that may be rejected", 100, 100),
)


def read(sync: Sync, data: QueryDict) -> dict[str, str]:
    """Take the form into the sync; what cannot be taken, in sentences by field."""
    problems = dict[str, str]()
    when = data.get("when", "hand")
    cron = " ".join(data.get("cron", "").replace("\x00", "").split())[:100]
    zone = data.get("zone", "").strip()[:64] or sync.zone
    sync.cron = cron if when == "cron" else ""
    sync.options = {name: value for name, value in sync.options.items() if name != "after_import"}
    if when == "import":
        sync.options["after_import"] = True
    if when == "cron" and (problem := schedule.problem(cron)):
        problems["cron"] = problem
    if cron_words.is_zone(zone):
        sync.zone = zone
    else:
        problems["zone"] = "There is no such time zone: it is named like Europe/Berlin."
    for name, title, most, _ in GUARDS:
        value = data.get(name, "").strip()
        if value.isdecimal() and int(value[:12]) <= most:
            setattr(sync, name, int(value))
        elif name in data:
            problems[name] = f"{title}: a number from 0 to {most:,}."
    schedule.look_ahead(sync)
    return problems
