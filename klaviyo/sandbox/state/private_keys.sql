CREATE TABLE IF NOT EXISTS private_keys (
    digest TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    scopes TEXT,
    made_at TEXT NOT NULL
) WITHOUT ROWID;
