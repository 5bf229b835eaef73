//! Bulk conversion between numbers and big-endian bytes.

/// A number with a fixed big-endian form in the file.
pub(super) trait Element: Copy {
    const SIZE: usize;
    /// Appends the numbers in `bytes`, whose length is a multiple of `SIZE`.
    fn decode(bytes: &[u8], into: &mut Vec<Self>);
    /// Fills `bytes`, of the exact length, with `values`.
    fn encode(values: &[Self], bytes: &mut [u8]);
}

macro_rules! element {
    ($($type:ty, $x:ident => $canonical:expr);+ $(;)?) => {$(
        impl Element for $type {
            const SIZE: usize = size_of::<$type>();

            fn decode(bytes: &[u8], into: &mut Vec<Self>) {
                let (chunks, _) = bytes.as_chunks();
                into.extend(chunks.iter().map(|&chunk| <$type>::from_be_bytes(chunk)));
            }

            fn encode(values: &[Self], bytes: &mut [u8]) {
                let (chunks, _) = bytes.as_chunks_mut();
                for (chunk, &$x) in chunks.iter_mut().zip(values) {
                    let canonical: $type = $canonical;
                    *chunk = canonical.to_be_bytes();
                }
            }
        }
    )+};
}

// Arithmetic makes NaNs of either sign and any payload; files hold the one quiet NaN, so that equal maps are
// equal bytes.
element! {
    i8, x => x; u8, x => x; i16, x => x; u16, x => x; i32, x => x; u32, x => x; i64, x => x; u64, x => x;
    f32, x => if x.is_nan() { f32::NAN } else { x };
    f64, x => if x.is_nan() { f64::NAN } else { x };
}
