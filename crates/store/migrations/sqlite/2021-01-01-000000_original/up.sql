-- The tables of the releases of 2021 and 2023, in which their databases are adopted.
CREATE TABLE IF NOT EXISTS user (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS data_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id INTEGER NOT NULL REFERENCES user (id),
    filename TEXT NOT NULL,
    longitude TEXT,
    latitude TEXT,
    info TEXT,
    state TEXT
);
CREATE TABLE IF NOT EXISTS revisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    data_file_id INTEGER NOT NULL REFERENCES data_files (id),
    created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    filepath TEXT NOT NULL,
    revision INTEGER NOT NULL,
    file_type TEXT NOT NULL,
    info TEXT
);
CREATE TABLE IF NOT EXISTS steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    data_file_id INTEGER NOT NULL REFERENCES data_files (id),
    step TEXT NOT NULL,
    parameters TEXT,
    up_to_date INTEGER NOT NULL DEFAULT 1
);
