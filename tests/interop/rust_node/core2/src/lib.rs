//! Nothing; see the patch in `../Cargo.toml`.
