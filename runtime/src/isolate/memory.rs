//! How much memory this process may use. It only reads.

use std::fs;

/// Bytes of memory of the machine, or of the control group this process is in where that has less; `None` where neither
/// can be told. (proc_meminfo(5), and `memory.max` in the kernel's cgroup-v2 documentation.)
pub fn available_bytes() -> Option<u64> {
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    match (machine_bytes(), group) {
        (Some(machine), Some(group)) => Some(u64::min(machine, group)),
        (machine, group) => machine.or(group),
    }
}

fn machine_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
