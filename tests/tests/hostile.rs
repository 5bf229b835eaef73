//! Damaged files, uploaded to the shipped binary: each is refused with a reason or kept and shown, and the one process
//! that everybody depends on answers on, in bounded memory.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use end_to_end::{FormClient, Platform, planet};

/// Damaged files of each kind.
const ROUNDS: usize = 60;
/// The process may hold this much after all of it, kB.
const MEMORY_KB: u64 = 400_000;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }

    /// Damages the beginning of a file, where its structure is described; sometimes cuts it.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let described = bytes.len().min(900);
        for _ in 0..=self.below(3) {
            let at = self.below(described);
            match self.below(5) {
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => {
                    // Counts and offsets at the limits of their types.
                    let word =
                        [[0xFF; 4], [0x7F, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0], [0; 4], [0x3F, 0xFF, 0, 0]];
                    let at = at & !3;
                    bytes[at..at + 4].copy_from_slice(&word[self.below(5)]);
                }
                3 => bytes.insert(at, self.below(256) as u8),
                _ => {
                    let len = self.below(bytes.len());
                    bytes.truncate(len.max(described + 4));
                }
            }
        }
    }
}

/// A small map in the classic format.
fn classic() -> Result<Vec<u8>> {
    let mut map = dataset::Dataset::new();
    let degrees = |count: usize, first: f64, step: f64| {
        ndarray::Array1::from_shape_fn(count, |k| first + step * k as f64).into_dyn()
    };
    let heights = ndarray::Array2::from_shape_fn((6, 12), |(j, i)| (i * j) as f64 - 20.0).into_dyn();
    let named = |units: &str| dataset::Attributes::new().with("units", units);
    map.add_f64("topo", &["lat", "lon"], heights, named("m"));
    map.add_f64("lat", &["lat"], degrees(6, -75.0, 30.0), named("degrees_north"));
    map.add_f64("lon", &["lon"], degrees(12, -165.0, 30.0), named("degrees_east"));
    Ok(dataset::to_bytes(&map)?)
}

/// The same map in NetCDF-4, as the C library's own tool writes it.
fn netcdf4(folder: &Path) -> Result<Vec<u8>> {
    let (from, to) = (folder.join("classic.nc"), folder.join("four.nc"));
    std::fs::write(&from, classic()?)?;
    let made = Command::new("nccopy").args(["-k", "nc4"]).args([&from, &to]).status();
    ensure!(made.context("nccopy (scripts/install test brings it)")?.success(), "nccopy failed");
    Ok(std::fs::read(to)?)
}

fn resident_kb(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_uploads_hurt_nobody() -> Result<()> {
    let platform = Platform::start()?;
    let visitor = FormClient::new(platform.address())?;
    visitor.register_and_log_in("vandal").await?;
    let hdf5 = netcdf4(platform.folder())?;
    let mut dice = Dice(20_260_101);
    let (mut kept, mut refused) = (0, 0);
    for (kind, seed) in [("classic", classic()?), ("planet", planet("raw.nc")?), ("netcdf4", hdf5)] {
        let whole = visitor.upload("whole.nc", seed.clone()).await?;
        ensure!(whole.status == 303, "{kind}: {}: {}", whole.status, whole.text());
        for round in 0..ROUNDS {
            let mut bytes = seed.clone();
            dice.damage(&mut bytes);
            if kind == "netcdf4" {
                // Without its signature the library would not be asked.
                bytes[..8].copy_from_slice(&seed[..8]);
            }
            let answer = visitor.upload("damaged.nc", bytes).await?;
            match answer.status.as_u16() {
                303 => {
                    kept += 1;
                    let id = answer.location.split('/').nth(1).context("an id")?.to_owned();
                    for page in [
                        "steps",
                        "set_coords",
                        "regrid",
                        "routing",
                        "raw/view",
                        "raw/fileInfo",
                        "raw/field.json",
                        "raw/field",
                        "raw/field/value?i=0&j=0",
                        "raw/download",
                        "download",
                    ] {
                        let shown = visitor.get(&format!("/{id}/{page}")).await?;
                        ensure!(!shown.status.is_server_error(), "{kind} {round}: {page}: {}", shown.text());
                    }
                    ensure!(visitor.post(&format!("/{id}/delete"), &[]).await?.location == "/");
                }
                422 => {
                    refused += 1;
                    let page = answer.text();
                    ensure!(
                        page.contains("damaged.nc") && !page.contains("instance"),
                        "{kind} {round}: {page}"
                    );
                }
                _ => bail!("{kind} {round}: {}: {}", answer.status, answer.text()),
            }
        }
    }
    eprintln!("{kept} were kept, {refused} refused");
    ensure!(
        kept >= ROUNDS / 2 && refused >= ROUNDS / 2,
        "{kept} kept, {refused} refused: too tame or too wild"
    );
    let memory = resident_kb(platform.process())?;
    ensure!(memory < MEMORY_KB, "the process holds {memory} kB");
    platform.done();
    Ok(())
}
