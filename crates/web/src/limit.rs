//! How often somebody may fail to log in.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Counts failures per key (an account name, an address) in a sliding window; bounded in memory.
#[derive(Debug)]
pub struct Limiter {
    allowed: usize,
    window: Duration,
    failures: Mutex<HashMap<String, Vec<Instant>>>,
}

/// Keys remembered at most; beyond, those without recent failures are forgotten, then all.
const KEYS: usize = 10_000;

impl Limiter {
    /// Allows `allowed` failures per `window`.
    pub fn new(allowed: usize, window: Duration) -> Self {
        Self { allowed, window, failures: Mutex::new(HashMap::new()) }
    }

    /// How long to wait, when there were too many failures under `key`.
    pub fn blocked(&self, key: &str, now: Instant) -> Option<Duration> {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let times = failures.get_mut(key)?;
        times.retain(|&time| now.saturating_duration_since(time) < self.window);
        if times.len() < self.allowed {
            return None;
        }
        let oldest = times[times.len() - self.allowed];
        Some(self.window.saturating_sub(now.saturating_duration_since(oldest)))
    }

    /// Notes a failure.
    pub fn failed(&self, key: &str, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if failures.len() >= KEYS && !failures.contains_key(key) {
            let window = self.window;
            failures.retain(|_, times| {
                times.last().is_some_and(|&time| now.saturating_duration_since(time) < window)
            });
            if failures.len() >= KEYS {
                failures.clear();
            }
        }
        let times = failures.entry(key.to_owned()).or_default();
        times.push(now);
        if times.len() > self.allowed {
            times.remove(0);
        }
    }

    /// Forgets the failures under `key`: the login worked.
    pub fn succeeded(&self, key: &str) {
        self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_after_the_allowed_failures_and_opens_again() {
        let limiter = Limiter::new(3, Duration::from_secs(60));
        let start = Instant::now();
        for second in 0..3 {
            let now = start + Duration::from_secs(second);
            assert_eq!(limiter.blocked("a", now), None);
            limiter.failed("a", now);
        }
        let now = start + Duration::from_secs(10);
        assert_eq!(limiter.blocked("a", now), Some(Duration::from_secs(50)));
        assert_eq!(limiter.blocked("b", now), None);
        assert_eq!(limiter.blocked("a", start + Duration::from_secs(60)), None);
    }

    #[test]
    fn success_forgets() {
        let limiter = Limiter::new(1, Duration::from_secs(60));
        let now = Instant::now();
        limiter.failed("a", now);
        limiter.succeeded("a");
        assert_eq!(limiter.blocked("a", now), None);
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::new(1, Duration::from_secs(60));
        let now = Instant::now();
        for n in 0..3 * KEYS {
            limiter.failed(&n.to_string(), now);
        }
        assert!(limiter.failures.lock().unwrap().len() <= KEYS);
    }
}
