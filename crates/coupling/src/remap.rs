//! Remapping between any two grids: conservative, bilinear and nearest-neighbour weights.
