"""The converter of the API's one route: whatever follows /api, line breaks too, so that no answer is a page."""

from django.urls.converters import StringConverter


class Rest(StringConverter):
    """Nothing, or a slash and anything."""

    regex = r"(?:/[\s\S]*)?"
