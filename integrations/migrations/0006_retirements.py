from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0005_chores'),
    ]

    operations = [
        migrations.CreateModel(
            name='Retirement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.SlugField()),
                ('revision', models.CharField(max_length=32)),
                ('retires_on', models.DateField()),
                ('noted_at', models.DateTimeField(help_text='When an answer last said so.')),
            ],
        ),
        migrations.AddConstraint(
            model_name='retirement',
            constraint=models.UniqueConstraint(fields=('provider', 'revision'), name='one_end_of_a_revision'),
        ),
    ]
