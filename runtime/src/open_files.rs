//! How many files the process may have open; a socket is one. This only raises the limit.

/// Raises the limit as far as a process may by itself, and says how many files that are.
///
/// The one that a process begins with is often 1,024, for the sake of programs that use select(2) (getrlimit(2)). Processes that
/// this one starts inherit it.
pub fn raise_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a value of that type, for the time of the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return u64::MAX;
    }
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    // SAFETY: as above; the kernel refuses what it does not like.
    if limit.rlim_cur < limit.rlim_max && unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0 {
        limit = raised;
    }
    limit.rlim_cur
}
