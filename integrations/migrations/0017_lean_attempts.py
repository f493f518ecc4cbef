"""An attempt locks no connection and has one index less."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0016_days'),
    ]

    operations = [
        migrations.AlterField(
            model_name='attempt',
            name='connection',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='integrations.connection'),
        ),
    ]
