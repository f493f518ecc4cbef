"""How PostgreSQL looks for a person who is to be erased, among millions of rows."""

from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from klaviyo.delivery.erasure import erase
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo import canary
from tests.klaviyo.canary import BIRD
from tests.klaviyo.story import make_due

SCANNED = (
    "integrations_delivery",
    "klaviyo_send",
    "klaviyo_consentdecision",
    "klaviyo_actionrun",
    "klaviyo_actionperson",
    "referrals_invite",
)


def test_no_query_reads_a_whole_table(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    canary.tell_of(ann)
    drain()
    make_due()
    with CaptureQueriesContext(database) as captured:
        erase.erase(BIRD, None)
    with database.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")  # the tables are small: whether an index could be used
        for query in captured.captured_queries:
            if query["sql"].startswith(("SELECT", "UPDATE", "DELETE")):
                cursor.execute(f"EXPLAIN {query['sql']}")
                plan = "\n".join(row[0] for row in cursor.fetchall())
                scanned = [table for table in SCANNED if f"Seq Scan on {table}" in plan]
                assert not scanned, query["sql"] + "\n" + plan
        cursor.execute("RESET enable_seqscan")
