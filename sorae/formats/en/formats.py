"""Days and times as the pages write them: https://docs.djangoproject.com/en/stable/topics/i18n/formatting/."""

DATE_FORMAT = SHORT_DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "j M Y, H:i T"
