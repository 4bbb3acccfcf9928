//! The web platform that an app finds, held against its standards in the real runtime: all of ECMA-429 by cases of our
//! own, and what can be had of the Web Platform Tests. docs/web-platform.md shows the outcome, and is held to it here.

mod page;
mod winter_tc;
mod wpt;
