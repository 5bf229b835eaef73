//! Random names and secrets, from the operating system.

use crate::Error;

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(bytes)
}

/// A secret of 256 bits, as 64 hexadecimal digits.
pub(crate) fn secret() -> Result<String, Error> {
    Ok(hex::encode(bytes::<32>()?))
}

/// Eight characters `[a-z0-9_]`, as stored files have always been named.
pub(crate) fn file_stem() -> Result<String, Error> {
    const LETTERS: &[u8; 37] = b"abcdefghijklmnopqrstuvwxyz0123456789_";
    // The bias of the remainder does not matter for names.
    Ok(bytes::<8>()?.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect())
}
