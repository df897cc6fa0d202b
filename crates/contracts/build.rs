//! Compiles `proto/` without a system `protoc`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const SOURCES: [&str; 5] = [
    "anufy/auth/v1/auth.proto",
    "anufy/events/v1/events.proto",
    "anufy/jobs/v1/jobs.proto",
    "anufy/posts/v1/posts.proto",
    "anufy/realtime/v1/realtime.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let descriptors = protox::compile(SOURCES, [&root])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
