//! The sort that settles the numbers of basins of equal size.
//!
//! Basins are numbered by size, and many have exactly the same. The platform has always left their order to
//! an unstable introsort; published files hold its outcome, so its exact course is repeated here.

/// Segments of more than this many places beyond the first are partitioned, shorter ones sorted by insertion.
const SHORT: usize = 15;

/// Indices `0..keys.len()` in ascending order of their keys; among equal keys in the order that a
/// median-of-three introsort leaves.
pub fn introsort_indices(keys: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    if keys.len() < 2 {
        return order;
    }
    let less = |a: usize, b: usize| keys[a] < keys[b];
    let mut depth = 2 * keys.len().ilog2() as i64;
    let (mut lo, mut hi) = (0, keys.len() - 1);
    let mut stack: Vec<(usize, usize, i64)> = Vec::new();
    loop {
        while depth >= 0 && hi.saturating_sub(lo) > SHORT {
            let boundary = partition(&mut order, lo, hi, &less);
            depth -= 1;
            if boundary - lo < hi - boundary {
                stack.push((boundary + 1, hi, depth));
                hi = boundary.saturating_sub(1);
            } else {
                stack.push((lo, boundary.saturating_sub(1), depth));
                lo = boundary + 1;
            }
        }
        if lo < hi {
            if depth < 0 {
                // Against quadratic time; not met with the sizes of basins.
                order[lo..=hi].sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
            } else {
                insertion_sort(&mut order[lo..=hi], &less);
            }
        }
        match stack.pop() {
            Some(segment) => (lo, hi, depth) = segment,
            None => return order,
        }
    }
}

/// Partitions `order[lo..=hi]` around the median of three and returns the place of the pivot.
fn partition(order: &mut [usize], lo: usize, hi: usize, less: &impl Fn(usize, usize) -> bool) -> usize {
    let mid = lo + (hi - lo) / 2;
    for (upper, lower) in [(mid, lo), (hi, mid), (mid, lo)] {
        if less(order[upper], order[lower]) {
            order.swap(upper, lower);
        }
    }
    let pivot = order[mid];
    order.swap(mid, hi - 1);
    let (mut i, mut j) = (lo, hi - 1);
    loop {
        i += 1;
        while less(order[i], pivot) {
            i += 1;
        }
        j -= 1;
        while less(pivot, order[j]) {
            j -= 1;
        }
        if i >= j {
            break;
        }
        order.swap(i, j);
    }
    order.swap(i, hi - 1);
    i
}

fn insertion_sort(segment: &mut [usize], less: &impl Fn(usize, usize) -> bool) {
    for next in 1..segment.len() {
        let moved = segment[next];
        let mut place = next;
        while place > 0 && less(moved, segment[place - 1]) {
            segment[place] = segment[place - 1];
            place -= 1;
        }
        segment[place] = moved;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sorts_whatever_the_ties(keys in prop::collection::vec(0..40_u8, 0..400)) {
            let keys: Vec<f64> = keys.into_iter().map(f64::from).collect();
            let order = introsort_indices(&keys);
            let mut seen = order.clone();
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..keys.len()));
            prop_assert!(order.windows(2).all(|w| keys[w[0]] <= keys[w[1]]));
        }
    }

    #[test]
    fn short_lists_keep_the_order_of_ties() {
        assert_eq!(introsort_indices(&[2.0, 1.0, 2.0, 1.0]), [1, 3, 0, 2]);
        assert!(introsort_indices(&[]).is_empty());
    }
}
