"""Our own HTTP API: tokens, idempotency keys, outcomes and their document. It knows no provider."""
