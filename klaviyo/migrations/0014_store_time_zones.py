from zoneinfo import ZoneInfo

from django.db import migrations


def take_those_of_the_accounts(apps, schema_editor):
    """Stores get the time zone of the first account to which they are joined; what is none is passed over."""
    Store, StoreSetting = apps.get_model("referrals", "Store"), apps.get_model("klaviyo", "StoreSetting")
    settings = StoreSetting.objects.exclude(connection__timezone="").order_by("pk")
    for store, name in settings.values_list("store", "connection__timezone").iterator():
        if _is_known(name):
            Store.objects.filter(pk=store, time_zone="").update(time_zone=name)


def _is_known(name):
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True


class Migration(migrations.Migration):

    dependencies = [
        ("klaviyo", "0013_plain_domains"),
        ("referrals", "0009_machines_and_time_zones"),
    ]

    operations = [
        migrations.RunPython(take_those_of_the_accounts, migrations.RunPython.noop),
    ]
