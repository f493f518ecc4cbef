CREATE TABLE IF NOT EXISTS flows (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    archived INTEGER NOT NULL DEFAULT 0,
    trigger_type TEXT NOT NULL,
    definition TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS flows_of_account ON flows (account, seq);

CREATE TABLE IF NOT EXISTS tag_groups (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    exclusive INTEGER NOT NULL DEFAULT 0,
    is_default INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS tags (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    tag_group TEXT NOT NULL REFERENCES tag_groups (id) ON DELETE CASCADE,
    UNIQUE (account, name)
);
CREATE TABLE IF NOT EXISTS tagged (
    seq INTEGER PRIMARY KEY,
    tag TEXT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('campaign', 'flow', 'list', 'segment')),
    thing TEXT NOT NULL,
    UNIQUE (tag, kind, thing)
);
CREATE INDEX IF NOT EXISTS tags_of_thing ON tagged (kind, thing);
