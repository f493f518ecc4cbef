CREATE TABLE IF NOT EXISTS campaigns (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    channel TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'Draft',
    archived INTEGER NOT NULL DEFAULT 0,
    audiences TEXT NOT NULL,
    send_options TEXT NOT NULL,
    tracking_options TEXT NOT NULL,
    send_strategy TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    scheduled_at TEXT,
    send_time TEXT,
    begins_at REAL,
    job TEXT,
    estimate INTEGER,
    recipients TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS campaigns_under_way ON campaigns (account) WHERE begins_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS campaign_messages (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    campaign TEXT NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    definition TEXT NOT NULL,
    image TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_of_campaign ON campaign_messages (campaign, seq);
CREATE TABLE IF NOT EXISTS templates (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    editor_type TEXT NOT NULL,
    html TEXT NOT NULL,
    text TEXT,
    amp TEXT,
    definition TEXT,
    message TEXT REFERENCES campaign_messages (id) ON DELETE CASCADE,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS templates_of_account ON templates (account, seq);
CREATE INDEX IF NOT EXISTS templates_of_message ON templates (message) WHERE message IS NOT NULL;
CREATE TABLE IF NOT EXISTS images (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    name TEXT,
    image_url TEXT NOT NULL,
    format TEXT NOT NULL,
    size INTEGER NOT NULL,
    digest TEXT NOT NULL,
    hidden INTEGER NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS images_of_account ON images (account, seq);
CREATE TABLE IF NOT EXISTS coupons (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    description TEXT,
    monitor_configuration TEXT,
    UNIQUE (account, id)
);
CREATE TABLE IF NOT EXISTS coupon_codes (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    coupon TEXT NOT NULL,
    unique_code TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'UNASSIGNED',
    expires_at TEXT NOT NULL,
    profile TEXT REFERENCES profiles (id) ON DELETE SET NULL,
    job TEXT,
    UNIQUE (account, id),
    FOREIGN KEY (account, coupon) REFERENCES coupons (account, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS codes_of_coupon ON coupon_codes (account, coupon, status, seq);
CREATE INDEX IF NOT EXISTS codes_of_profile ON coupon_codes (profile) WHERE profile IS NOT NULL;
CREATE INDEX IF NOT EXISTS codes_of_job ON coupon_codes (job, seq) WHERE job IS NOT NULL;
