//! Builds the crate again when a profile is added: the library is built into it.

fn main() {
    println!("cargo::rerun-if-changed=profiles");
}
