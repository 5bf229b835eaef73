"""Writes an instance folder as the original platform leaves it: tables of its last release, hashes of Werkzeug.

usage: original.py FOLDER RAW.nc ROUTING.nc
"""

import hashlib
import json
import os
import shutil
import sqlite3
import sys

folder, raw, routing = sys.argv[1:]
os.makedirs(folder)


def werkzeug(password, rounds):
    salt = "Ab0Cd1Ef2Gh3Ij4K"
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds)
    return f"pbkdf2:sha256:{rounds}${salt}${digest.hex()}"


shutil.copy(raw, f"{folder}/abcdefg1.nc")
shutil.copy(routing, f"{folder}/abcdefg2.nc")
database = sqlite3.connect(f"{folder}/netcdf_editor.sqlite")
database.executescript(
    """
    CREATE TABLE user (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT UNIQUE NOT NULL, password TEXT NOT NULL);
    CREATE TABLE data_files (id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER NOT NULL, filename TEXT NOT NULL,
        longitude TEXT, latitude TEXT, info TEXT, FOREIGN KEY (owner_id) REFERENCES user (id));
    CREATE TABLE revisions (id INTEGER PRIMARY KEY AUTOINCREMENT, data_file_id INTEGER NOT NULL,
        created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, filepath TEXT NOT NULL, revision INTEGER NOT NULL,
        file_type TEXT NOT NULL, info TEXT, FOREIGN KEY (data_file_id) REFERENCES data_files (id));
    CREATE TABLE steps (id INTEGER PRIMARY KEY AUTOINCREMENT, data_file_id INTEGER NOT NULL, step TEXT NOT NULL,
        parameters TEXT, up_to_date INTEGER NOT NULL DEFAULT 1, FOREIGN KEY (data_file_id) REFERENCES data_files (id));
    """
)
database.executemany(
    "INSERT INTO user (username, password) VALUES (?, ?)",
    [("wesley", werkzeug("deep time", 260000)), ("agatha", werkzeug("old hash", 50000))],
)
database.execute(
    "INSERT INTO data_files (owner_id, filename, longitude, latitude, info) VALUES (1, 'planet.nc', 'lon', 'lat', ?)",
    [json.dumps({"age": "60", "auth-ref": "CEREGE"})],
)
database.executemany(
    "INSERT INTO revisions (data_file_id, filepath, revision, file_type, info) VALUES (1, ?, ?, ?, ?)",
    [("abcdefg1.nc", 0, "raw", None), ("abcdefg2.nc", 1, "routing", "{}")],
)
database.execute(
    "INSERT INTO steps (data_file_id, step, parameters, up_to_date) VALUES (1, 'routing', ?, 1)",
    [json.dumps({"id": 1, "topo_var": "topo", "orcafile": "default"})],
)
database.commit()
database.close()
