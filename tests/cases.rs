//! The cases under apps/: one test for each, so that they run side by side and fail by name.

use crate::harness::{case_directories, run_case};

macro_rules! cases {
    ($($service:ident: $($case:ident)*;)*) => {
        $(mod $service {
            $(#[test]
            fn $case() {
                super::run_case(concat!(stringify!($service), "/", stringify!($case)));
            })*
        })*

        #[test]
        fn every_case_is_listed() {
            assert_eq!(case_directories(), [$($(concat!(stringify!($service), "/", stringify!($case))),*),*]);
        }
    };
}

cases! {
    database: aggregation basics errors filters indexes pages transactions updates vectors;
    http: static_first;
    kv: basics errors expiry list;
    node: absent crypto keys modules zlib;
    web: context crypto env events request response streams url;
}
