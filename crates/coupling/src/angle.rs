//! Longitudes on a circle.

/// `lon` moved by whole turns to within half a turn of `reference`. A longitude exactly half a turn away stays.
pub(crate) fn close(lon: f64, reference: f64) -> f64 {
    let mut lon = lon;
    for _ in 0..2 {
        let [below, here, above] =
            [(lon - 360.0 - reference).abs(), (lon - reference).abs(), (lon + 360.0 - reference).abs()];
        if above < here && above < below {
            lon += 360.0;
        } else if below < here && below < above {
            lon -= 360.0;
        }
    }
    lon
}

#[cfg(test)]
mod tests {
    use super::close;

    #[test]
    fn a_longitude_moves_by_whole_turns() {
        assert_eq!(close(350.0, 10.0), -10.0);
        assert_eq!(close(-170.0, 190.0), 190.0);
        assert_eq!(close(-500.0, 180.0), 220.0);
        assert_eq!(close(10.0, 190.0), 10.0, "half a turn away on either side");
    }
}
