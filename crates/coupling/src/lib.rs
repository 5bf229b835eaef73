//! Masks and ocean-atmosphere coupling weights: arrays in, arrays and findings out.

pub mod remap;
