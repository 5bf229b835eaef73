//! A slow and obvious writer of classic files, straight from the format's specification: what the crate reads
//! is compared with it, so that reader and writer cannot share a mistake.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

/// A variable: its dimensions by number, its attributes, its type, and its big-endian values: all of them, or one
/// entry for each record.
pub(crate) struct Var {
    pub(crate) name: &'static str,
    pub(crate) dimensions: Vec<u64>,
    pub(crate) attributes: Vec<(&'static str, u32, u64, Vec<u8>)>,
    pub(crate) code: u32,
    pub(crate) values: Vec<Vec<u8>>,
    pub(crate) is_record: bool,
}

pub(crate) struct Spec {
    pub(crate) version: u8,
    pub(crate) records: u64,
    /// Written instead of the number of records.
    pub(crate) streaming: bool,
    pub(crate) dimensions: Vec<(&'static str, u64)>,
    pub(crate) attributes: Vec<(&'static str, u32, u64, Vec<u8>)>,
    pub(crate) variables: Vec<Var>,
}

impl Spec {
    fn count(&self, out: &mut Vec<u8>, value: u64) {
        if self.version == 5 {
            out.extend(value.to_be_bytes());
        } else {
            out.extend((value as u32).to_be_bytes());
        }
    }

    fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
        out.extend(bytes);
        while !out.len().is_multiple_of(4) {
            out.push(0);
        }
    }

    fn name(&self, out: &mut Vec<u8>, name: &str) {
        self.count(out, name.len() as u64);
        Self::padded(out, name.as_bytes());
    }

    fn list(&self, out: &mut Vec<u8>, tag: u32, len: usize) {
        out.extend((if len == 0 { 0 } else { tag }).to_be_bytes());
        self.count(out, len as u64);
    }

    fn attributes(&self, out: &mut Vec<u8>, list: &[(&'static str, u32, u64, Vec<u8>)]) {
        self.list(out, 12, list.len());
        for (name, code, len, bytes) in list {
            self.name(out, name);
            out.extend(code.to_be_bytes());
            self.count(out, *len);
            Self::padded(out, bytes);
        }
    }

    fn header(&self, begins: &[u64]) -> Vec<u8> {
        let mut out = vec![b'C', b'D', b'F', self.version];
        if self.streaming {
            out.extend(if self.version == 5 { vec![0xFF; 8] } else { vec![0xFF; 4] });
        } else {
            self.count(&mut out, self.records);
        }
        self.list(&mut out, 10, self.dimensions.len());
        for (name, len) in &self.dimensions {
            self.name(&mut out, name);
            self.count(&mut out, *len);
        }
        self.attributes(&mut out, &self.attributes);
        self.list(&mut out, 11, self.variables.len());
        for (variable, begin) in self.variables.iter().zip(begins) {
            self.name(&mut out, variable.name);
            self.count(&mut out, variable.dimensions.len() as u64);
            for &dimension in &variable.dimensions {
                self.count(&mut out, dimension);
            }
            self.attributes(&mut out, &variable.attributes);
            out.extend(variable.code.to_be_bytes());
            let size = variable.values.first().map_or(0, Vec::len).next_multiple_of(4);
            self.count(&mut out, size as u64);
            if self.version == 1 {
                out.extend((*begin as u32).to_be_bytes());
            } else {
                out.extend(begin.to_be_bytes());
            }
        }
        out
    }

    /// The bytes of the file.
    pub(crate) fn build(&self) -> Vec<u8> {
        let start = self.header(&vec![0; self.variables.len()]).len();
        let mut data = Vec::new();
        let mut begins = vec![0; self.variables.len()];
        for (variable, begin) in self.variables.iter().zip(&mut begins) {
            if !variable.is_record {
                *begin = (start + data.len()) as u64;
                Self::padded(&mut data, &variable.values[0]);
            }
        }
        let of_records = self.variables.iter().filter(|v| v.is_record).count();
        for record in 0..self.records as usize {
            for (variable, begin) in self.variables.iter().zip(&mut begins) {
                if variable.is_record {
                    if record == 0 {
                        *begin = (start + data.len()) as u64;
                    }
                    if of_records == 1 {
                        data.extend(&variable.values[record]);
                    } else {
                        Self::padded(&mut data, &variable.values[record]);
                    }
                }
            }
        }
        let mut bytes = self.header(&begins);
        bytes.extend(data);
        bytes
    }
}

pub(crate) fn be16(values: &[i16]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_be_bytes()).collect()
}

pub(crate) fn be32(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_be_bytes()).collect()
}

pub(crate) fn be64(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_be_bytes()).collect()
}

/// A file with everything: fixed and record variables, odd lengths, attributes of all kinds.
pub(crate) fn sample(version: u8) -> Spec {
    let mut variables = vec![
        Var {
            name: "lon",
            dimensions: vec![1],
            attributes: vec![("units", 2, 12, b"degrees_east".to_vec())],
            code: 6,
            values: vec![be64(&[10.0, 20.0, 30.0])],
            is_record: false,
        },
        Var {
            name: "flag",
            dimensions: vec![1],
            attributes: vec![("_FillValue", 1, 1, vec![0x81])],
            code: 1,
            values: vec![vec![1, 0x81, 3]],
            is_record: false,
        },
        Var {
            name: "depth",
            dimensions: vec![0, 1],
            attributes: vec![("scale_factor", 5, 1, be32(&[0.5]))],
            code: 3,
            values: vec![be16(&[1, 2, 3]), be16(&[4, 5, 6])],
            is_record: true,
        },
        Var {
            name: "label",
            dimensions: vec![0, 1],
            attributes: vec![],
            code: 2,
            values: vec![b"abc".to_vec(), b"def".to_vec()],
            is_record: true,
        },
        Var {
            name: "one",
            dimensions: vec![],
            attributes: vec![],
            code: 5,
            values: vec![be32(&[1.5])],
            is_record: false,
        },
    ];
    if version == 5 {
        for (name, code, bytes) in
            [("u8", 7, 1), ("u16", 8, 2), ("u32", 9, 4), ("i64", 10, 8), ("u64", 11, 8)]
        {
            let values = vec![(0..bytes * 3).map(|b| b as u8 + 1).collect()];
            variables.push(Var {
                name,
                dimensions: vec![1],
                attributes: vec![],
                code,
                values,
                is_record: false,
            });
        }
    }
    Spec {
        version,
        records: 2,
        streaming: false,
        dimensions: vec![("time", 0), ("lon", 3)],
        attributes: vec![("title", 2, 5, b"a map".to_vec()), ("range", 6, 2, be64(&[-1.0, 1.0]))],
        variables,
    }
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }

    /// Damages a few bytes, copies a part over another, or cuts the file.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                // Counts and offsets at the limits of their types.
                2 => {
                    let at = at & !3;
                    let word = [
                        [0xFF; 4],
                        [0x7F, 0xFF, 0xFF, 0xFF],
                        [0x80, 0, 0, 0],
                        [0, 0, 0, 0],
                        [0x3F, 0xFF, 0, 0],
                    ][self.below(5)];
                    let end = bytes.len().min(at + 4);
                    bytes[at..end].copy_from_slice(&word[..end - at]);
                }
                3 => {
                    let from = self.below(bytes.len());
                    let len = self.below(16).min(bytes.len() - at.max(from));
                    bytes.copy_within(from..from + len, at);
                }
                4 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, self.below(256) as u8),
            }
        }
    }
}
