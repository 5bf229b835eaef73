//! The container of binary answers.
//!
//! `CSF1`, the length of a JSON header (u32, little endian), the header padded with blanks to a multiple of 8 bytes, and
//! the planes that its `planes` lists, one after the other. Each plane says its `name`, its `bytes` and its `encoding`:
//! those of [`encode`](mod@crate::encode), `u32` (little endian), or `bits` (the lowest bit of a byte first).

use serde_json::{Map, Value, json};

use crate::encode::{Encoded, Encoding};

/// The first bytes of every container.
pub const MAGIC: &[u8; 4] = b"CSF1";

/// A JSON header and the planes that it lists.
#[derive(Debug, Clone, Default)]
pub struct Container {
    header: Map<String, Value>,
    planes: Vec<Value>,
    payload: Vec<u8>,
}

impl Container {
    /// A container without planes.
    pub fn new(header: Map<String, Value>) -> Self {
        Self { header, ..Self::default() }
    }

    /// Sets a value of the header.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.header.insert(name.to_owned(), value.into());
    }

    /// Adds a plane of values.
    pub fn push(&mut self, name: &str, encoded: &Encoded) {
        let mut plane = json!({ "name": name, "bytes": encoded.payload.len(), "error": encoded.error });
        match &encoded.encoding {
            Encoding::Table(table) => {
                plane["encoding"] = json!("table");
                plane["table"] = json!(table);
            }
            Encoding::Linear { scale, first } => {
                plane["encoding"] = json!("linear");
                plane["scale"] = json!(scale);
                plane["first"] = json!(first);
            }
            Encoding::F32 => plane["encoding"] = json!("f32"),
        }
        self.planes.push(plane);
        self.payload.extend_from_slice(&encoded.payload);
    }

    /// Adds a plane of whole numbers.
    pub fn push_u32(&mut self, name: &str, numbers: &[u32]) {
        self.planes.push(json!({ "name": name, "bytes": 4 * numbers.len(), "encoding": "u32" }));
        self.payload.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }

    /// Adds a plane of bits.
    pub fn push_bits(&mut self, name: &str, bits: impl IntoIterator<Item = bool>) {
        let packed = pack(bits);
        self.planes.push(json!({ "name": name, "bytes": packed.len(), "encoding": "bits" }));
        self.payload.extend_from_slice(&packed);
    }

    /// The container as it is sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut header = self.header.clone();
        header.insert("planes".to_owned(), Value::Array(self.planes.clone()));
        let mut text = Value::Object(header).to_string();
        while !text.len().is_multiple_of(8) {
            text.push(' ');
        }
        // A header is made by this program: it never comes near 4 GB.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(8 + text.len() + self.payload.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

/// Bits as bytes, the lowest bit of a byte first.
pub fn pack(bits: impl IntoIterator<Item = bool>) -> Vec<u8> {
    let mut packed = Vec::new();
    for (k, bit) in bits.into_iter().enumerate() {
        if k % 8 == 0 {
            packed.push(0);
        }
        if let Some(last) = packed.last_mut() {
            *last |= u8::from(bit) << (k % 8);
        }
    }
    packed
}
