//! Damaged files: thousands of them, none of which may panic or take more memory than the file justifies.

#![expect(unsafe_code, reason = "counting what is allocated takes a global allocator")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use dataset::Error;
use support::{Dice, sample};

struct Counting;

thread_local! {
    /// Bytes held by this thread, and the most it ever held.
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn count(change: impl Fn(usize) -> usize) {
    // At the end of a thread the counter is gone, and nothing is measured any more.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        let now = change(now);
        held.set((now, most.max(now)));
    });
}

// SAFETY: every call goes to the system's allocator as it is; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(|now| now + layout.size());
        // SAFETY: as the caller guarantees.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(|now| now.saturating_sub(layout.size()));
        // SAFETY: as the caller guarantees.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most memory that `work` held.
fn most_held<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.with(|held| {
        let (now, _) = held.get();
        held.set((now, now));
        now
    });
    let result = work();
    (result, HELD.with(|held| held.get().1) - before)
}

#[test]
fn damaged_classic_files_are_read_or_refused_in_bounded_memory() {
    let mut dice = Dice(20_231_122);
    let (mut fine, mut refused) = (0, 0);
    for version in [1, 2, 5] {
        let seed = sample(version).build();
        for round in 0..8000 {
            let mut bytes = seed.clone();
            dice.mutate(&mut bytes);
            let (result, held) = most_held(|| dataset::from_bytes(&bytes, "mutant.nc"));
            // Names, attributes and values are in the file once; what is held around them is a small multiple.
            assert!(held < 64 * bytes.len() + 65_536, "CDF-{version} mutant {round}: {held} bytes");
            match result {
                Ok(read) => {
                    fine += 1;
                    // What was read can be described, and written or refused.
                    let _ = read.header().to_string();
                    let _ = dataset::cf::guess(&read.header());
                    let _ = dataset::to_bytes(&read);
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.file(), "mutant.nc");
                    assert!(error.to_string().contains("mutant.nc"), "{error}");
                }
            }
        }
    }
    assert!(
        fine > 1000 && refused > 1000,
        "{fine} were read, {refused} refused: the mutations are too tame or too wild"
    );
}

#[test]
fn every_beginning_of_a_file_is_refused() {
    for version in [1, 2, 5] {
        let bytes = sample(version).build();
        // The last record's padding is not data.
        for len in 0..bytes.len() - 3 {
            let error = dataset::from_bytes(&bytes[..len], "cut.nc").unwrap_err();
            assert!(matches!(error, Error::Truncated { .. } | Error::NotNetcdf { .. }), "{len}: {error}");
        }
    }
}

#[test]
fn noise_is_refused() {
    let mut dice = Dice(7);
    for len in 0..2000 {
        let mut bytes: Vec<u8> = (0..len).map(|_| dice.below(256) as u8).collect();
        assert!(dataset::from_bytes(&bytes, "noise.nc").is_err());
        bytes.splice(..0, *b"CDF\x05");
        assert!(dataset::from_bytes(&bytes, "noise.nc").is_err());
    }
}

/// A sparse file that claims a header without end.
#[test]
fn a_huge_header_is_refused_early() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.nc");
    let mut start = b"CDF\x05".to_vec();
    start.extend([0; 8]);
    start.extend(10u32.to_be_bytes());
    start.extend(0x0FFF_FFFFu64.to_be_bytes());
    std::fs::write(&path, &start).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(8 << 30).unwrap();
    let (result, held) = most_held(|| dataset::read(&path));
    assert!(matches!(result.unwrap_err(), Error::Corrupt { .. } | Error::TooLarge { .. }));
    assert!(held < 100 << 20, "{held}");
}
