"""What becomes of the deliveries that a worker has claimed for one account."""

from klaviyo.delivery.batch import deliver

__all__ = ["deliver"]
