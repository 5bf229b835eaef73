//! An instance folder as the original platform leaves it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use crate::planet_file;

/// Two users, each with a workflow. The hashes are those of two versions of Werkzeug.
const ROWS: &str = "
    INSERT INTO user (username, password) VALUES
        ('wegener', 'pbkdf2:sha256:260000$Ab0Cd1Ef2Gh3Ij4K$f82f51180f6339847058ec73567f52f22c1e0402c668d64bd7b356bbc9c5cc78'),
        ('suess', 'scrypt:32768:8:1$Ab0Cd1Ef2Gh3Ij4K$cc3000db053d831da900ae3d1a37453bf4015329e441e83630caad5785e6ad7728e9d5c08c7aeee3588fc3d13ede83386895544f74a2b3fcaa8e86a44f321c93');
    INSERT INTO data_files (owner_id, filename, longitude, latitude, info) VALUES
        (1, 'planet.nc', 'lon', 'lat', '{\"auth-ref\": \"A. Wegener\", \"age\": \"60\", \"hypothesis\": \"\"}'),
        (2, 'own.nc', NULL, NULL, '{}');
    INSERT INTO revisions (data_file_id, created, filepath, revision, file_type, info) VALUES
        (1, '2021-05-01 10:00:00', 'aaaaaaa1.nc', 0, 'raw', NULL),
        (1, '2021-05-01 11:00:00', 'aaaaaaa2.nc', 1, 'routing', '{}'),
        (1, '2021-05-01 11:00:00', 'aaaaaaa3.nc', 2, 'soils', '{}'),
        (2, '2021-06-01 10:00:00', 'bbbbbbb1.nc', 0, 'raw', NULL);
    INSERT INTO steps (data_file_id, step, parameters, up_to_date) VALUES
        (1, 'routing', '{\"id\": 1, \"topo_var\": \"topo\", \"orcafile\": \"default\"}', 0);";

/// Fills a folder that is not there yet: `wegener` (password `pangaea`) has the planet with a routing that is out of date,
/// `suess` (password `gondwana`) an upload without coordinates.
///
/// # Errors
/// A failing disk.
pub fn original_instance(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let database = folder.join("netcdf_editor.sqlite");
    let mut database = SqliteConnection::establish(database.to_str().context("a path in UTF-8")?)?;
    database.batch_execute(testkit::ORIGINAL_TABLES)?;
    database.batch_execute(ROWS)?;
    for (name, stored) in
        [("raw", "aaaaaaa1"), ("routing", "aaaaaaa2"), ("soils", "aaaaaaa3"), ("raw", "bbbbbbb1")]
    {
        let file = planet_file(folder, &format!("{name}.nc"))?;
        fs::rename(file, folder.join(format!("{stored}.nc")))?;
    }
    Ok(())
}
