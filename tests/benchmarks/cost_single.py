"""What an event costs that goes to Klaviyo by itself; otherwise as in `cost`."""

from tests.benchmarks import cost
from tests.benchmarks.figures import Figure
from tests.benchmarks.house import House

EVENTS, QUICK_EVENTS = 5_000, 1_000


def main(house: House, is_quick: bool) -> list[Figure]:
    """Fewer when quick."""
    return cost.measured(house, QUICK_EVENTS if is_quick else EVENTS)
