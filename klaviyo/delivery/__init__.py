"""Delivery: the deliveries that a worker has claimed for one account, sent and settled."""
