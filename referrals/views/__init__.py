"""Public views, without a log-in: the share link, the invite page, the join form, and the unsubscribe page."""
