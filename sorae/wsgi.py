"""The web entry point, for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sorae.settings")

application = get_wsgi_application()

from sorae.configuration import refuse_if_broken  # noqa: E402  (needs the apps)

refuse_if_broken()
