"""A site whose Redis never answers, in a process of its own and with the product's own settings.

python -m tests.faults.black_hole: opens Tea House, lets people join through the site, and prints how long each took.
"""

import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sorae.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  (Django comes first)
from django.test import Client  # noqa: E402

from integrations.models import Connection, Delivery  # noqa: E402
from klaviyo.models import StoreSetting  # noqa: E402
from referrals import tasks  # noqa: E402
from referrals.models import Program, Store  # noqa: E402
from tests.stopwatch import Stopwatch  # noqa: E402

VISITORS = 4


def open_the_store() -> None:
    call_command("migrate", verbosity=0)
    store = Store.objects.create(slug="tea-house", name="Tea House", url="https://teahouse.example/", country="DE")
    Program.objects.create(store=store, slug="spring", name="Spring", offer="5 EUR off the first tea")
    account = Connection.objects.create(provider="klaviyo", account_id="VxYz12", state=Connection.State.CONNECTED)
    StoreSetting.objects.create(store=store, connection=account)


def join(number: int) -> tuple[int, float]:
    """The status of the answer to somebody who joins, and the seconds that it waited."""
    browser = Client(headers={"host": "localhost"}, REMOTE_ADDR=f"203.0.{number}.1")
    watch = Stopwatch()
    answer = browser.post("/join/tea-house/spring", {"email": f"person-{number}@example.com", "first_name": "Kim"})
    return answer.status_code, watch.seconds()


if __name__ == "__main__":
    open_the_store()
    Client(headers={"host": "localhost"}).get("/join/tea-house/spring")  # whatever a process does once
    answers = [join(number) for number in range(VISITORS)]
    tasks.carry_out()
    print(json.dumps({"answers": answers, "queued": Delivery.objects.filter(state="queued").count()}))
