//! What the documents say, held against the program.

use std::path::Path;

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn the_readme_has_both_commands_and_every_exit_code() {
    let readme = read("README.md");
    for command in ["cargo run --release -- demo", "cargo test"] {
        assert!(readme.lines().any(|line| line == command), "{command}");
    }
    for code in ["| 0 |", "| 1 |", "| 2 |", "| 3 |", "| 10 |", "| 130 / 143 |"] {
        assert!(readme.contains(code), "{code}");
    }
}

#[test]
fn the_list_of_migrations_is_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    files.sort();

    let compiled: Vec<_> = tcia_mirror::db::MIGRATIONS.iter().map(|(name, _)| *name).collect();

    assert_eq!(files, compiled);
    for (name, sql) in tcia_mirror::db::MIGRATIONS {
        assert_eq!(sql, read(&format!("migrations/{name}")), "{name}");
    }
}
