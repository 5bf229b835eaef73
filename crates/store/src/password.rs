//! Password hashes: argon2id is written; what the releases of 2021 and 2023 wrote (Werkzeug) is verified.
//!
//! Werkzeug: `pbkdf2:sha256:ROUNDS$SALT$HEX` and `scrypt:N:R:P$SALT$HEX`; the salt counts as its ASCII bytes.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};

use crate::Error;

/// Rounds beyond this are not computed: a value in the database could stop the platform otherwise.
const MAX_ROUNDS: u32 = 10_000_000;

/// Werkzeug's count where the text gives none.
const DEFAULT_ROUNDS: u32 = 50_000;

/// Whether a password fits a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does.
    Right,
    /// It does, but the hash is of an earlier release: replace it.
    RightButOld,
    /// It does not, or the hash cannot be read.
    Wrong,
}

pub(crate) fn hash(password: &str) -> Result<String, Error> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::Hash(error.to_string()))
}

pub(crate) fn verify(password: &str, stored: &str) -> Verdict {
    if stored.starts_with("$argon2") {
        let right = PasswordHash::new(stored)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        return if right { Verdict::Right } else { Verdict::Wrong };
    }
    match werkzeug(password, stored) {
        Some(true) => Verdict::RightButOld,
        _ => Verdict::Wrong,
    }
}

/// Spends the time of a verification, so that an unknown name takes as long as a wrong password.
pub(crate) fn verify_nothing(password: &str) {
    let mut out = [0; 32];
    // Only the time matters, not the result.
    let _ = Argon2::default().hash_password_into(password.as_bytes(), b"nobody of that name", &mut out);
}

/// `None` when the stored text is not of a form that Werkzeug writes.
fn werkzeug(password: &str, stored: &str) -> Option<bool> {
    let mut parts = stored.splitn(3, '$');
    let (method, salt, expected) = (parts.next()?, parts.next()?, parts.next()?);
    let expected = hex::decode(expected).ok().filter(|hash| !hash.is_empty())?;
    let (password, salt) = (password.as_bytes(), salt.as_bytes());
    let words: Vec<&str> = method.split(':').collect();
    let mut out = vec![0; expected.len()];
    match words[..] {
        ["pbkdf2", digest, ref rounds @ ..] => {
            let rounds = match rounds {
                [] => DEFAULT_ROUNDS,
                [rounds] => rounds.parse().ok().filter(|rounds| (1..=MAX_ROUNDS).contains(rounds))?,
                _ => return None,
            };
            match digest {
                "sha256" => pbkdf2::pbkdf2_hmac::<pbkdf2::sha2::Sha256>(password, salt, rounds, &mut out),
                "sha512" => pbkdf2::pbkdf2_hmac::<pbkdf2::sha2::Sha512>(password, salt, rounds, &mut out),
                _ => return None,
            }
        }
        ["scrypt", n, r, p] => {
            let n: u64 = n.parse().ok().filter(|n: &u64| n.is_power_of_two() && *n <= 1 << 20)?;
            let (r, p) = (r.parse().ok().filter(|r| *r <= 32)?, p.parse().ok().filter(|p| *p <= 16)?);
            let params = scrypt::Params::new(u8::try_from(n.trailing_zeros()).ok()?, r, p).ok()?;
            scrypt::scrypt(password, salt, &params, &mut out).ok()?;
        }
        _ => return None,
    }
    // All bytes are compared, whatever the first ones say.
    Some(out.iter().zip(&expected).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0)
}
