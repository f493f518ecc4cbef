"""Delivery: what becomes of the deliveries that a worker has claimed for one account."""
