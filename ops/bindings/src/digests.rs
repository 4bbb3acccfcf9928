//! The digests that `node:crypto` knows, by the names that its modules give them.

/// The value of an expression in which `$Algorithm` is the type of the named digest, or of `$otherwise` where there is none.
macro_rules! with_digest {
    ($name:expr, $Algorithm:ident => $value:expr, $otherwise:expr) => {
        match $name {
            "md5" => {
                type $Algorithm = md5::Md5;
                $value
            }
            "sha1" => {
                type $Algorithm = sha1::Sha1;
                $value
            }
            "sha256" => {
                type $Algorithm = sha2::Sha256;
                $value
            }
            "sha384" => {
                type $Algorithm = sha2::Sha384;
                $value
            }
            "sha512" => {
                type $Algorithm = sha2::Sha512;
                $value
            }
            _ => $otherwise,
        }
    };
}

pub(crate) use with_digest;
