"""Hidden fields of a public form, which a browser sends along with what people fill in."""

import re

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="(\w+)"')


def hidden(page: bytes) -> dict[str, str]:
    """The hidden fields, which a browser sends back."""
    return dict(_HIDDEN.findall(page.decode()))
