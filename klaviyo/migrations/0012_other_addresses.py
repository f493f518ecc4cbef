"""Decisions that say whose consent they were told of, where that was another address of the same person."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('klaviyo', '0011_account_lists'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='consentdecision',
            index=models.Index(condition=models.Q(('code', 'consent_unknown')), fields=['send'], name='unknown_consents'),
        ),
    ]
