//! A ZIP archive of stored (not compressed) members, written front to back.
//!
//! Sizes and checksums are known before the first byte goes out, so the whole length is known too, every reader of ZIP
//! understands the result, and nothing is kept in memory. Members and archives beyond 4 GB use ZIP64. After the
//! public description of the format (APPNOTE.TXT 6.3).

/// A member of an archive.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Its name in the archive.
    pub(crate) name: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// CRC-32 of its content.
    pub(crate) crc32: u32,
}

const VERSION: u16 = 20;
const VERSION_64: u16 = 45;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
/// 1980-01-01: the archive says nothing about times, its members' attributes do.
const DATE: u16 = (1 << 5) | 1;
const MAX_32: u64 = 0xFFFF_FFFF;

/// What stands before the content of a member.
pub(crate) fn local_header(member: &Member) -> Vec<u8> {
    let large = member.bytes >= MAX_32;
    let mut out = Vec::new();
    put32(&mut out, 0x0403_4B50);
    common(&mut out, member, large);
    put16(&mut out, if large { 20 } else { 0 });
    out.extend_from_slice(member.name.as_bytes());
    if large {
        put16(&mut out, 1);
        put16(&mut out, 16);
        put64(&mut out, member.bytes);
        put64(&mut out, member.bytes);
    }
    out
}

/// What stands after the last member: the directory.
pub(crate) fn directory(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut offset = 0;
    for member in members {
        let large = member.bytes >= MAX_32 || offset >= MAX_32;
        put32(&mut out, 0x0201_4B50);
        put16(&mut out, VERSION_64);
        common(&mut out, member, large);
        put16(&mut out, if large { 28 } else { 0 });
        put16(&mut out, 0);
        put16(&mut out, 0);
        put16(&mut out, 0);
        put32(&mut out, 0);
        put32(&mut out, if large { u32::MAX } else { offset as u32 });
        out.extend_from_slice(member.name.as_bytes());
        if large {
            put16(&mut out, 1);
            put16(&mut out, 24);
            put64(&mut out, member.bytes);
            put64(&mut out, member.bytes);
            put64(&mut out, offset);
        }
        offset += local_header(member).len() as u64 + member.bytes;
    }
    let (size, count) = (out.len() as u64, members.len() as u64);
    if offset >= MAX_32 {
        put32(&mut out, 0x0606_4B50);
        put64(&mut out, 44);
        put16(&mut out, VERSION_64);
        put16(&mut out, VERSION_64);
        put32(&mut out, 0);
        put32(&mut out, 0);
        put64(&mut out, count);
        put64(&mut out, count);
        put64(&mut out, size);
        put64(&mut out, offset);
        put32(&mut out, 0x0706_4B50);
        put32(&mut out, 0);
        put64(&mut out, offset + size);
        put32(&mut out, 1);
    }
    put32(&mut out, 0x0605_4B50);
    put16(&mut out, 0);
    put16(&mut out, 0);
    put16(&mut out, count as u16);
    put16(&mut out, count as u16);
    put32(&mut out, size as u32);
    put32(&mut out, offset.min(MAX_32) as u32);
    put16(&mut out, 0);
    out
}

fn common(out: &mut Vec<u8>, member: &Member, large: bool) {
    put16(out, if large { VERSION_64 } else { VERSION });
    put16(out, FLAGS);
    put16(out, 0);
    put16(out, 0);
    put16(out, DATE);
    put32(out, member.crc32);
    let size = if large { u32::MAX } else { member.bytes as u32 };
    put32(out, size);
    put32(out, size);
    put16(out, member.name.len() as u16);
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let members: Vec<Member> = files
            .iter()
            .map(|(name, data)| Member {
                name: (*name).to_owned(),
                bytes: data.len() as u64,
                crc32: crc32fast::hash(data),
            })
            .collect();
        let mut out = Vec::new();
        for (member, (_, data)) in members.iter().zip(files) {
            out.extend(local_header(member));
            out.extend_from_slice(data);
        }
        out.extend(directory(&members));
        out
    }

    #[test]
    fn another_reader_takes_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.zip");
        std::fs::write(
            &path,
            archive(&[("océan.nc", b"CDF\x02"), ("empty.nc", b""), ("b.tar.gz", &[7; 5000])]),
        )
        .unwrap();
        let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
                      print([(i.filename, i.file_size) for i in z.infolist()])";
        match std::process::Command::new("python3").args(["-c", script]).arg(&path).output() {
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                assert_eq!(text.trim(), "[('océan.nc', 4), ('empty.nc', 0), ('b.tar.gz', 5000)]");
            }
            Err(error) => eprintln!("SKIPPED: no python3 to read the archive with: {error}"),
        }
    }

    #[test]
    fn large_members_use_zip64() {
        let member = Member { name: "x".into(), bytes: 5_000_000_000, crc32: 0 };
        let header = local_header(&member);
        assert_eq!(&header[18..26], [0xFF; 8]);
        assert_eq!(header[header.len() - 8..], 5_000_000_000_u64.to_le_bytes());
        let second = Member { name: "y".into(), bytes: 1, crc32: 0 };
        assert!(directory(&[member, second]).windows(4).any(|w| w == 0x0606_4B50_u32.to_le_bytes()));
    }
}
