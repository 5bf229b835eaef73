//! Numbers for Prometheus, counted in the process.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// The numbers of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    counted: Arc<Mutex<BTreeMap<Series, f64>>>,
    levels: Arc<Mutex<BTreeMap<Series, f64>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    name: &'static str,
    labels: String,
}

impl Metrics {
    /// Adds `amount` to the counter `name` with these labels.
    pub fn add(&self, name: &'static str, labels: &[(&'static str, &str)], amount: f64) {
        let series = Series { name, labels: written(labels) };
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner).entry(series).or_insert(0.0) += amount;
    }

    /// Sets the gauge `name` with these labels.
    pub fn set(&self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let series = Series { name, labels: written(labels) };
        self.levels.lock().unwrap_or_else(PoisonError::into_inner).insert(series, value);
    }

    /// Everything so far, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (kind, series) in [("counter", &self.counted), ("gauge", &self.levels)] {
            let mut last = "";
            for (series, value) in series.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                if series.name != last {
                    let _ = writeln!(text, "# TYPE {} {kind}", series.name);
                    last = series.name;
                }
                let _ = writeln!(text, "{}{} {value}", series.name, series.labels);
            }
        }
        text
    }
}

/// Appends one gauge.
pub(crate) fn gauge(text: &mut String, name: &str, labels: &[(&'static str, &str)], value: f64) {
    let _ = writeln!(text, "# TYPE {name} gauge\n{name}{} {value}", written(labels));
}

fn written(labels: &[(&'static str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        })
        .collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_by_name_and_labels() {
        let metrics = Metrics::default();
        metrics.add("a_total", &[("step", "pft")], 1.0);
        metrics.add("a_total", &[("step", "pft")], 2.0);
        metrics.add("a_total", &[("step", "\"odd\"")], 1.0);
        metrics.set("open", &[], 2.0);
        metrics.set("open", &[], 1.0);
        let text = metrics.text();
        assert!(text.contains("# TYPE open gauge\nopen 1\n"), "{text}");
        assert!(text.contains("a_total{step=\"pft\"} 3\n"), "{text}");
        assert!(text.contains("a_total{step=\"\\\"odd\\\"\"} 1\n"), "{text}");
        assert_eq!(text.matches("# TYPE a_total counter").count(), 1);
    }
}
