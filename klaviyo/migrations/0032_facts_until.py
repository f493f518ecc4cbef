from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('klaviyo', '0031_heard_noes'),
    ]

    operations = [
        migrations.AddField(
            model_name='storesetting',
            name='facts_until',
            field=models.DateTimeField(blank=True, editable=False, help_text='When it was switched off first: nothing later is told anew.', null=True),
        ),
    ]
