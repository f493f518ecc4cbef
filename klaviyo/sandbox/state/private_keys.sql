CREATE TABLE IF NOT EXISTS private_keys (
    seq INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    scopes TEXT,
    made_at TEXT NOT NULL
);
