//! Apps: what a manifest says, whether a build is complete, and what of it the host keeps while it serves.

pub mod check;
pub mod code_cache;
pub mod deployment;
pub mod deployments;
pub mod directory;
pub mod entrypoint;
pub mod host_name;
pub mod manifest;
pub mod queues;
pub mod registry;
pub mod releases;
pub mod snapshot_maker;
pub mod snapshots;
pub mod source;
pub mod source_map;
pub mod versions;
