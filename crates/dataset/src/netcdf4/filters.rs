//! Telling the C library about the decoders of [`crate::unpack`], and asking it which compressions a file has.
//!
//! The library would load decoders as plug-ins from the disk; a confined child has none, and wants none. They are registered in
//! the process instead, once, before a file is opened.

#![expect(unsafe_code, reason = "the libraries are in C")]

use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

use hdf5_sys::h5::{H5allocate_memory, H5free_memory, H5open};
use hdf5_sys::h5z::{H5Z_CLASS_T_VERS, H5Z_FLAG_REVERSE, H5Z_class2_t, H5Z_filter_t};
use netcdf_sys::{
    NC_MAX_NAME, NC_NOERR, NC_NOWRITE, libnetcdf_lock, nc_close, nc_inq_grpname, nc_inq_grps, nc_inq_nvars,
    nc_inq_var_filter_ids, nc_inq_varname, nc_open,
};

use super::groups::full_name;
use crate::unpack::{Method, filter_name};

/// A block of a variable has at most 4 GiB in HDF5.
const MAX_BLOCK_BYTES: usize = u32::MAX as usize;

/// Filters that the library has built in.
const BUILT_IN: [u32; 5] = [1, 2, 3, 5, 6];

unsafe extern "C" {
    /// What `H5Zregister` calls after it has refused the numbers of the library's own filters, of which szip is one: this
    /// build of the library comes without it.
    fn H5Z_register(class: *const H5Z_class2_t) -> c_int;
}

/// Registers the decoders; nothing at later calls.
pub(super) fn register() -> Result<(), String> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = *REGISTERED.get_or_init(|| {
        let _guard = libnetcdf_lock.lock();
        // SAFETY: the lock is held; initialising the library twice does nothing.
        if unsafe { H5open() } < 0 {
            return false;
        }
        Method::FILTERS.iter().all(|&id| {
            let Ok(id) = H5Z_filter_t::try_from(id) else { return false };
            let class = H5Z_class2_t {
                version: H5Z_CLASS_T_VERS as c_int,
                id,
                encoder_present: 0,
                decoder_present: 1,
                name: c"decoder of dataset".as_ptr(),
                can_apply: None,
                set_local: None,
                filter: Some(callback(id)),
            };
            // SAFETY: the library is initialised, the lock is held, and the class, which is copied, is valid: its name is
            // static and its function has the type that is asked for.
            unsafe { H5Z_register(&class) >= 0 }
        })
    });
    if registered { Ok(()) } else { Err("the decoders could not be registered".to_owned()) }
}

type Callback =
    unsafe extern "C" fn(c_uint, usize, *const c_uint, usize, *mut usize, *mut *mut c_void) -> usize;

/// The library does not tell a function which filter it is called for: one function each.
fn callback(id: H5Z_filter_t) -> Callback {
    match id {
        4 => decode::<4>,
        307 => decode::<307>,
        32_000 => decode::<32_000>,
        32_001 => decode::<32_001>,
        32_004 => decode::<32_004>,
        32_008 => decode::<32_008>,
        32_015 => decode::<32_015>,
        _ => decode::<32_022>,
    }
}

/// Replaces the packed bytes in `*buffer` by the unpacked ones and gives their number; 0 is an error.
///
/// # Safety
/// The library's promise (`H5Z_func_t`): `parameters` has `parameter_count` numbers, and `*buffer` is of its allocator,
/// has `*buffer_size` bytes, and `len` of them are used.
unsafe extern "C" fn decode<const ID: u32>(
    flags: c_uint,
    parameter_count: usize,
    parameters: *const c_uint,
    len: usize,
    buffer_size: *mut usize,
    buffer: *mut *mut c_void,
) -> usize {
    let Some(method) = Method::of_filter(ID).filter(|_| flags & H5Z_FLAG_REVERSE != 0) else { return 0 };
    if method == Method::Rounded {
        return len;
    }
    // SAFETY: as promised to this function; a pointer to no parameters may be null.
    let (packed, parameters) = unsafe {
        let parameters = match parameter_count {
            0 => &[],
            count => std::slice::from_raw_parts(parameters, count),
        };
        (std::slice::from_raw_parts((*buffer).cast::<u8>().cast_const(), len), parameters)
    };
    let Ok(bytes) = method.unpack(packed, parameters, MAX_BLOCK_BYTES) else { return 0 };
    // SAFETY: the new buffer is of the library's allocator and large enough; the old one is given back to that and not used
    // any more.
    unsafe {
        let unpacked = H5allocate_memory(bytes.len().max(1), 0);
        if unpacked.is_null() {
            return 0;
        }
        ptr::copy_nonoverlapping(bytes.as_ptr(), unpacked.cast::<u8>(), bytes.len());
        H5free_memory(*buffer);
        *buffer = unpacked;
        *buffer_size = bytes.len();
    }
    bytes.len()
}

/// The full names of the variables that are compressed by a method without a decoder, and the name of that.
///
/// # Errors
/// The library's code.
pub(super) fn unreadable(path: &Path) -> Result<HashMap<String, String>, c_int> {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return Err(netcdf_sys::NC_EINVAL) };
    let _guard = libnetcdf_lock.lock();
    let mut found = HashMap::new();
    let mut file = 0;
    // SAFETY: the lock is held, the path is terminated, and the number is written to.
    checked(unsafe { nc_open(path.as_ptr(), NC_NOWRITE, &mut file) })?;
    let result = walk(file, "", 0, &mut found);
    // SAFETY: the lock is held, and the file is open.
    checked(unsafe { nc_close(file) })?;
    result.map(|()| found)
}

fn checked(code: c_int) -> Result<(), c_int> {
    if code == NC_NOERR { Ok(()) } else { Err(code) }
}

/// The lock of the library is held by the caller.
fn walk(group: c_int, path: &str, depth: usize, found: &mut HashMap<String, String>) -> Result<(), c_int> {
    let mut count = 0;
    // SAFETY: the lock is held, and the number is written to.
    checked(unsafe { nc_inq_nvars(group, &mut count) })?;
    for variable in 0..count {
        let mut ids = Vec::new();
        let mut len = 0;
        // SAFETY: the lock is held; without a place for the numbers only how many there are is written.
        let code = unsafe { nc_inq_var_filter_ids(group, variable, &mut len, ptr::null_mut()) };
        if code != NC_NOERR || len == 0 {
            // A classic file, or nothing compressed.
            continue;
        }
        ids.resize(len, 0);
        // SAFETY: the lock is held, and there is room for as many numbers as were told.
        checked(unsafe { nc_inq_var_filter_ids(group, variable, &mut len, ids.as_mut_ptr()) })?;
        let known = |id: &c_uint| BUILT_IN.contains(id) || Method::of_filter(*id).is_some();
        if let Some(&id) = ids.iter().find(|id| !known(id)) {
            // SAFETY: the lock is held, and the function gets room for the longest name.
            let name = name(|to| unsafe { nc_inq_varname(group, variable, to) })?;
            found.insert(full_name(path, &name), filter_name(id));
        }
    }
    let mut count = 0;
    // SAFETY: the lock is held; without a place for the groups only how many there are is written.
    if unsafe { nc_inq_grps(group, &mut count, ptr::null_mut()) } != NC_NOERR {
        return Ok(());
    }
    let mut groups = vec![0; usize::try_from(count).unwrap_or(0)];
    if !groups.is_empty() && depth < super::groups::MAX_DEPTH {
        // SAFETY: the lock is held, and there is room for as many as were told.
        checked(unsafe { nc_inq_grps(group, &mut count, groups.as_mut_ptr()) })?;
        for inner in groups {
            // SAFETY: the lock is held, and the function gets room for the longest name.
            let name = name(|to| unsafe { nc_inq_grpname(inner, to) })?;
            walk(inner, &full_name(path, &name), depth + 1, found)?;
        }
    }
    Ok(())
}

/// A name that the library writes, with a terminator.
fn name(write: impl FnOnce(*mut c_char) -> c_int) -> Result<String, c_int> {
    let mut bytes = vec![0_u8; NC_MAX_NAME as usize + 1];
    checked(write(bytes.as_mut_ptr().cast()))?;
    bytes.truncate(bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()));
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
