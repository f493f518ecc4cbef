"""Fixtures of fault tests: a site in which everything has happened once, and all that its database holds."""

import pytest

from klaviyo.models import StoreSetting
from tests.faults import lived_in


@pytest.fixture
def house(transactional_db: None) -> StoreSetting:
    """Everything has happened in it once; nobody answers at Klaviyo's address."""
    return lived_in.move_in()
