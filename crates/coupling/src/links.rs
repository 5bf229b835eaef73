//! A sparse matrix of weights, one row of links for each destination cell.

/// Links from source cells to destination cells, in the order of the weight files: destinations ascending, and
/// within one destination in the order in which they were added. Addresses count from 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Links {
    starts: Vec<usize>,
    sources: Vec<u32>,
    weights: Vec<f64>,
}

impl Links {
    /// Links from one list of (source, weight) per destination.
    pub fn from_rows<R: IntoIterator<Item = (u32, f64)>>(rows: impl IntoIterator<Item = R>) -> Self {
        let mut links = Self { starts: vec![0], ..Self::default() };
        for row in rows {
            for (source, weight) in row {
                links.sources.push(source);
                links.weights.push(weight);
            }
            links.starts.push(links.sources.len());
        }
        links.sources.shrink_to_fit();
        links.weights.shrink_to_fit();
        links
    }

    /// Number of destinations, those without links included.
    pub fn destinations(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of links.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// True without any link.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Number of links of one destination.
    pub fn count(&self, destination: usize) -> usize {
        self.starts[destination + 1] - self.starts[destination]
    }

    /// The most links of one destination.
    pub fn most(&self) -> usize {
        (0..self.destinations()).map(|d| self.count(d)).max().unwrap_or(0)
    }

    /// (source, weight) of the links of one destination.
    pub fn row(&self, destination: usize) -> impl Iterator<Item = (u32, f64)> + Clone + '_ {
        let range = self.starts[destination]..self.starts[destination + 1];
        self.sources[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }

    /// Weights of the links of one destination.
    pub fn weights_of(&self, destination: usize) -> &[f64] {
        &self.weights[self.starts[destination]..self.starts[destination + 1]]
    }

    /// The same, to change.
    pub fn weights_of_mut(&mut self, destination: usize) -> &mut [f64] {
        &mut self.weights[self.starts[destination]..self.starts[destination + 1]]
    }

    /// (destination, source, weight) of every link, in order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u32, f64)> + '_ {
        (0..self.destinations()).flat_map(|d| self.row(d).map(move |(source, weight)| (d, source, weight)))
    }

    /// Weights of every link, in order.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Sources of every link, in order.
    pub fn sources(&self) -> &[u32] {
        &self.sources
    }

    /// Changes every weight to `change(destination, source, weight)`.
    pub fn change(&mut self, change: impl Fn(usize, usize, f64) -> f64) {
        for d in 0..self.destinations() {
            for k in self.starts[d]..self.starts[d + 1] {
                self.weights[k] = change(d, self.sources[k] as usize, self.weights[k]);
            }
        }
    }

    /// The same links seen from the sources: destinations and sources change places, `weight(source, destination,
    /// weight)` is the new weight. In each new row the destinations ascend.
    pub fn transposed(&self, sources: usize, weight: impl Fn(usize, usize, f64) -> f64) -> Self {
        let mut starts = vec![0; sources + 1];
        for &source in &self.sources {
            starts[source as usize + 1] += 1;
        }
        for k in 0..sources {
            starts[k + 1] += starts[k];
        }
        let mut next = starts.clone();
        let mut result = Self { sources: vec![0; self.len()], weights: vec![0.0; self.len()], starts };
        for (destination, source, w) in self.iter() {
            let at = &mut next[source as usize];
            result.sources[*at] = destination as u32;
            result.weights[*at] = weight(source as usize, destination, w);
            *at += 1;
        }
        result
    }

    /// The value of every destination, `None` for those without links.
    pub fn apply(&self, field: &[f64]) -> Vec<Option<f64>> {
        (0..self.destinations())
            .map(|d| (self.count(d) > 0).then(|| self.row(d).map(|(s, w)| w * field[s as usize]).sum()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_their_order() {
        let rows = [vec![(3, 0.5), (1, 0.25)], vec![], vec![(0, 1.0)]];
        let links = Links::from_rows(rows.clone());
        assert_eq!((links.destinations(), links.len(), links.most()), (3, 3, 2));
        for (d, row) in rows.iter().enumerate() {
            assert_eq!(&links.row(d).collect::<Vec<_>>(), row);
        }
        assert_eq!(links.apply(&[1.0, 2.0, 0.0, 4.0]), [Some(2.5), None, Some(1.0)]);
    }

    #[test]
    fn transposing_twice_sorts_the_rows() {
        let links = Links::from_rows([vec![(3, 0.5), (1, 0.25)], vec![], vec![(0, 1.0)]]);
        let same = |_, _, w| w;
        let twice = links.transposed(4, same).transposed(3, same);
        assert_eq!(twice.row(0).collect::<Vec<_>>(), [(1, 0.25), (3, 0.5)]);
        assert_eq!(twice.row(2).collect::<Vec<_>>(), [(0, 1.0)]);
    }
}
