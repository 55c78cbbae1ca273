//! Reads a model with the reference safetensors crate and prints a digest of every tensor.
use safetensors::SafeTensors;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let bytes = std::fs::read(path).expect("readable");
    let model = SafeTensors::deserialize(&bytes).expect("a valid file");
    let mut tensors = model.tensors();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let mut digest = DefaultHasher::new();
    for (name, view) in &tensors {
        digest.write(name.as_bytes());
        digest.write(format!("{:?}{:?}", view.dtype(), view.shape()).as_bytes());
        digest.write(view.data());
    }
    println!("tensors {} digest {:016x}", tensors.len(), digest.finish());
}
