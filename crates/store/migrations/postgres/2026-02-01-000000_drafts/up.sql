-- What is being edited by hand: at most one open draft for each data file, editor, file type and variable.
CREATE TABLE drafts (
    id TEXT PRIMARY KEY,
    data_file_id INTEGER NOT NULL REFERENCES data_files (id) ON DELETE CASCADE,
    editor TEXT NOT NULL,
    file_type TEXT NOT NULL,
    variable TEXT NOT NULL,
    -- The revisions that it stands on, as `revisions.parents`.
    bases TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    closed_at TEXT,
    -- What it was saved as.
    revision_id INTEGER
);
CREATE UNIQUE INDEX drafts_open ON drafts (data_file_id, editor, file_type, variable) WHERE closed_at IS NULL;

-- Everything that was done in it, in order, undoing included; only ever appended to.
CREATE TABLE draft_events (
    draft_id TEXT NOT NULL REFERENCES drafts (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    -- Made by the browser for one click: the same click a second time is known.
    event_key TEXT NOT NULL,
    author TEXT NOT NULL,
    event TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (draft_id, seq)
);
CREATE UNIQUE INDEX draft_events_key ON draft_events (draft_id, event_key);

UPDATE climsim_schema SET version = 2;
