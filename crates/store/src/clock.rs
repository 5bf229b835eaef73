//! The time, as it is stored: UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]");
const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// `YYYY-MM-DD HH:MM:SS`, as `revisions.created` always was.
pub(crate) fn seconds() -> String {
    format(SECONDS)
}

/// `YYYY-MM-DD HH:MM:SS.mmm`
pub(crate) fn millis() -> String {
    format(MILLIS)
}

/// `YYYYMMDDTHHMMSSZ`, for file names.
pub(crate) fn stamp() -> String {
    format(STAMP)
}

/// Milliseconds since 1970, for leases and expiries.
pub(crate) fn epoch_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn format(format: &[BorrowedFormatItem<'_>]) -> String {
    // The formats hold nothing that a UTC time lacks.
    OffsetDateTime::now_utc().format(format).unwrap_or_default()
}
