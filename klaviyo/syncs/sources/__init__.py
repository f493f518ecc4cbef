"""Where a sync's rows come from: files, queries of other databases, and Sorae's own tables; nothing of Klaviyo."""
