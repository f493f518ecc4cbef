"""Protocol: what all operations share: calls, errors, filters, pages, limits, scopes, faults, the journal."""
