"""Each key of a person has the version beside it by which their address was read, as in `referrals`.

Workers of the version before write rows without it for as long as they run.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("klaviyo", "0016_domains_in_other_spellings"),
    ]

    operations = [
        *(
            migrations.AddField(
                name,
                "key_version",
                # Nothing is written again: https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
                models.PositiveSmallIntegerField(db_default=2, default=2, editable=False),
            )
            for name in ("propertyname", "send")
        ),
        migrations.AlterField(
            "send",
            "mailbox_hash",
            models.CharField(
                "friend's key", blank=True, db_default="", help_text="The person's key: to whom it went.", max_length=64
            ),
        ),
        migrations.RemoveConstraint("propertyname", "one_advocate_per_prefix"),
        migrations.AddConstraint(
            "propertyname",
            models.UniqueConstraint(
                fields=("person", "key_version", "connection", "prefix"), name="one_advocate_per_prefix"
            ),
        ),
    ]
