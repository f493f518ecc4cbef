CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    opt_in_process TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS installs (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    client_id TEXT NOT NULL,
    installed_at TEXT NOT NULL,
    UNIQUE (account, client_id)
);
CREATE TABLE IF NOT EXISTS codes (
    digest TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    scopes TEXT NOT NULL,
    expires_at REAL NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refresh_tokens (
    digest TEXT PRIMARY KEY,
    install INTEGER NOT NULL REFERENCES installs (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    replaced INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refresh_tokens_of_install ON refresh_tokens (install);
CREATE TABLE IF NOT EXISTS access_tokens (
    digest TEXT PRIMARY KEY,
    install INTEGER NOT NULL REFERENCES installs (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    expires_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS access_tokens_of_install ON access_tokens (install);

CREATE TABLE IF NOT EXISTS profiles (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    email TEXT,
    email_key TEXT,
    phone_number TEXT,
    external_id TEXT,
    anonymous_id TEXT,
    kx TEXT,
    attributes TEXT NOT NULL,
    properties TEXT NOT NULL,
    consent TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    last_event_date TEXT,
    others TEXT NOT NULL DEFAULT '{}',
    UNIQUE (email_key, account),
    UNIQUE (account, phone_number),
    UNIQUE (account, external_id)
);
CREATE TABLE IF NOT EXISTS other_addresses (
    account TEXT NOT NULL,
    email_key TEXT NOT NULL,
    profile TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    PRIMARY KEY (email_key, account)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS other_addresses_of_profile ON other_addresses (profile);
CREATE INDEX IF NOT EXISTS profiles_of_account ON profiles (account, seq);
CREATE INDEX IF NOT EXISTS profiles_by_anonymous_id ON profiles (account, anonymous_id) WHERE anonymous_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS profiles_by_kx ON profiles (account, kx) WHERE kx IS NOT NULL;

CREATE TABLE IF NOT EXISTS metrics (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    UNIQUE (account, name)
);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    uuid TEXT NOT NULL,
    account TEXT NOT NULL,
    profile TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    metric TEXT NOT NULL REFERENCES metrics (id),
    unique_id TEXT NOT NULL,
    time INTEGER NOT NULL,
    value REAL,
    value_currency TEXT,
    properties TEXT NOT NULL,
    backfill INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 1,
    readable_at REAL NOT NULL,
    received_at REAL NOT NULL DEFAULT 0,
    UNIQUE (profile, metric, unique_id)
);
CREATE INDEX IF NOT EXISTS events_of_account ON events (account, time);
CREATE INDEX IF NOT EXISTS events_of_metric ON events (metric, time);

CREATE TABLE IF NOT EXISTS lists (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    opt_in_process TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS members (
    seq INTEGER PRIMARY KEY,
    list TEXT NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
    profile TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    joined_at TEXT NOT NULL,
    UNIQUE (list, profile)
);
CREATE INDEX IF NOT EXISTS members_by_profile ON members (profile);
CREATE TABLE IF NOT EXISTS pending_opt_ins (
    profile TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    list TEXT NOT NULL DEFAULT '',
    source TEXT,
    asked_at TEXT NOT NULL,
    PRIMARY KEY (profile, list)
);

CREATE TABLE IF NOT EXISTS segments (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    is_starred INTEGER NOT NULL,
    is_active INTEGER NOT NULL DEFAULT 1,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    type TEXT NOT NULL,
    list TEXT,
    segment TEXT,
    document TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS imported (
    job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    profiles TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_errors (
    seq INTEGER PRIMARY KEY,
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS job_errors_of_job ON job_errors (job, seq);

CREATE TABLE IF NOT EXISTS webhooks (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    endpoint_url TEXT NOT NULL,
    secret_key TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    topics TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS notices (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    uuid TEXT NOT NULL,
    account TEXT NOT NULL,
    profile TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    topic TEXT NOT NULL,
    time REAL NOT NULL,
    properties TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS notices_of_profile ON notices (profile, time);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY,
    webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    notice TEXT NOT NULL REFERENCES notices (id) ON DELETE CASCADE,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts INTEGER NOT NULL DEFAULT 0,
    batch INTEGER,
    UNIQUE (webhook, notice)
);
CREATE INDEX IF NOT EXISTS deliveries_by_notice ON deliveries (notice);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (webhook, seq) WHERE state = 'waiting';
