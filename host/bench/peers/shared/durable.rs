//! Forces the host's durability upon a queue that sets its own: it is shared by the peers, whose SQLites are different ones.

use std::ffi::{CStr, c_char, c_int, c_void};

const OK: c_int = 0;
const IGNORE: c_int = 2;
/// The action of a pragma.
const PRAGMA: c_int = 19;

type Authorizer = unsafe extern "C" fn(
    *mut c_void,
    c_int,
    *const c_char,
    *const c_char,
    *const c_char,
    *const c_char,
) -> c_int;
type Entry = unsafe extern "C" fn(*mut c_void, *mut *const c_char, *const c_void) -> c_int;

// The names of SQLite itself, whichever the peer brings with it.
unsafe extern "C" {
    fn sqlite3_auto_extension(entry: Entry) -> c_int;
    fn sqlite3_set_authorizer(
        connection: *mut c_void,
        authorizer: Authorizer,
        data: *mut c_void,
    ) -> c_int;
}

/// Has every connection of this process pass over `PRAGMA synchronous`: what is built in is FULL.
pub(crate) fn keep_synchronous_full() {
    unsafe extern "C" fn pass_over(
        _: *mut c_void,
        action: c_int,
        name: *const c_char,
        value: *const c_char,
        _: *const c_char,
        _: *const c_char,
    ) -> c_int {
        // SAFETY: SQLite hands over a pragma's name as text that ends.
        let sets = action == PRAGMA
            && !value.is_null()
            && !name.is_null()
            && unsafe { CStr::from_ptr(name) }
                .to_bytes()
                .eq_ignore_ascii_case(b"synchronous");
        if sets { IGNORE } else { OK }
    }
    unsafe extern "C" fn watch(
        connection: *mut c_void,
        _: *mut *const c_char,
        _: *const c_void,
    ) -> c_int {
        // SAFETY: the connection is the one that SQLite has just opened.
        unsafe { sqlite3_set_authorizer(connection, pass_over, std::ptr::null_mut()) }
    }
    // SAFETY: the entry point has the shape that SQLite calls it by; it is registered before any connection is made.
    unsafe {
        sqlite3_auto_extension(watch);
    }
}
