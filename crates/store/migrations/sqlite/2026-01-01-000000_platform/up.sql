-- Lineage and content of revisions.
ALTER TABLE revisions ADD COLUMN sha256 TEXT;
ALTER TABLE revisions ADD COLUMN bytes BIGINT;
ALTER TABLE revisions ADD COLUMN run TEXT;
ALTER TABLE revisions ADD COLUMN step TEXT;
ALTER TABLE revisions ADD COLUMN parameters TEXT;
ALTER TABLE revisions ADD COLUMN parents TEXT;
CREATE UNIQUE INDEX revisions_number ON revisions (data_file_id, revision);
CREATE INDEX revisions_type ON revisions (data_file_id, file_type, revision);
CREATE INDEX revisions_created ON revisions (data_file_id, created);
CREATE INDEX revisions_filepath ON revisions (filepath);
CREATE INDEX data_files_owner ON data_files (owner_id);

-- How a step stands apart from runs under way: done, stale or failed; null when it never ended.
ALTER TABLE steps ADD COLUMN state TEXT;
ALTER TABLE steps ADD COLUMN reason TEXT;
ALTER TABLE steps ADD COLUMN run TEXT;
ALTER TABLE steps ADD COLUMN findings TEXT;
UPDATE steps SET
    state = CASE WHEN up_to_date = 1 THEN 'done' ELSE 'stale' END,
    reason = CASE WHEN up_to_date = 1 THEN NULL
        ELSE 'it was not up to date when an earlier release was replaced: run it again' END;
CREATE UNIQUE INDEX steps_step ON steps (data_file_id, step);

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    data_file_id INTEGER NOT NULL REFERENCES data_files (id) ON DELETE CASCADE,
    owner_id INTEGER NOT NULL,
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    parameters TEXT,
    stage TEXT,
    fraction DOUBLE PRECISION,
    reason TEXT,
    -- Set when what the run reads or will read is being replaced: its results are stale from the start.
    outdated TEXT,
    findings TEXT,
    claim TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- The `done` message that asked for it; null when a user did.
    cause TEXT,
    form_key TEXT,
    request_id TEXT,
    queued_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT
);
CREATE INDEX runs_step ON runs (data_file_id, step, state);
CREATE INDEX runs_active ON runs (state, queued_at) WHERE state IN ('queued', 'running');
CREATE UNIQUE INDEX runs_form_key ON runs (data_file_id, form_key) WHERE form_key IS NOT NULL;

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    csrf TEXT NOT NULL,
    flashes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_ms);

CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    last_used_at TEXT
);
CREATE INDEX api_tokens_user ON api_tokens (user_id);

CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL UNIQUE,
    message TEXT NOT NULL,
    leased_until_ms BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE queue_messages (
    ticket INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    message_id TEXT NOT NULL,
    message TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    leased INTEGER NOT NULL DEFAULT 0,
    available_ms BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX queue_messages_id ON queue_messages (queue, message_id);
CREATE INDEX queue_messages_next ON queue_messages (queue, leased, ticket);

CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    message TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    buried_at TEXT NOT NULL
);

-- `oldest_reader`: the oldest schema version whose release can still work with this database.
CREATE TABLE climsim_schema (
    version INTEGER NOT NULL,
    oldest_reader INTEGER NOT NULL
);
INSERT INTO climsim_schema (version, oldest_reader) VALUES (1, 1);
