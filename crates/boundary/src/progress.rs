//! How a step tells how far it is.

/// Receives the stage a step has reached; called a few times per step, from the thread that runs it.
pub trait Progress: Sync {
    /// `stage` in the modeller's words ("river lengths"), `fraction` of the whole step from 0 to 1.
    fn report(&self, stage: &str, fraction: f64);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _stage: &str, _fraction: f64) {}
}

impl<F: Fn(&str, f64) + Sync> Progress for F {
    fn report(&self, stage: &str, fraction: f64) {
        self(stage, fraction);
    }
}
