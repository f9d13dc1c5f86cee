//! Puts every scenario file into the binary: `$OUT_DIR/cases.rs` lists path and text.

use std::{env, fmt::Write as _, fs, io, path::Path};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let cases = Path::new(&root).join("cases");
    println!("cargo::rerun-if-changed={}", cases.display());
    let mut list =
        String::from("/// Path and text of every case, in alphabetical order.\nconst FILES: &[(&str, &str)] = &[\n");
    let mut groups: Vec<_> = fs::read_dir(&cases)?.collect::<Result<_, _>>()?;
    groups.sort_by_key(fs::DirEntry::path);
    for group in groups.iter().filter(|entry| entry.path().is_dir()) {
        println!("cargo::rerun-if-changed={}", group.path().display());
        let mut files: Vec<_> = fs::read_dir(group.path())?.collect::<Result<_, _>>()?;
        files.sort_by_key(fs::DirEntry::path);
        for file in files.iter().filter(|file| file.path().extension().is_some_and(|e| e == "yaml")) {
            let path = file.path();
            let name = format!("cases/{}/{}", group.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            writeln!(list, "    ({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
        }
    }
    list.push_str("];\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("cases.rs"), list)
}
