"""What tests of bulk share: five deliveries are many, and a crowd joins at once."""

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def from_five(settings: Settings) -> None:
    settings.KLAVIYO_BULK_FROM = 5
