//! The import order of `docs/ARCHITECTURE.md`, held by reading the `use` trees and `crate::` paths of every file.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// Module, and what it may import; a path allows everything below it.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("dicom", &[]),
    ("metrics", &[]),
    ("nbia", &["dicom"]),
    ("mirror", &["dicom"]),
    ("db", &["dicom"]),
    ("plan", &["nbia", "dicom"]),
    ("fetch", &["nbia", "mirror", "dicom"]),
    ("sync", &["plan", "fetch", "nbia", "mirror", "db", "dicom"]),
    ("serve", &["mirror", "db", "dicom", "metrics", "nbia::dialect"]),
    ("demo", &["serve", "mirror", "db", "dicom"]),
    ("daemon", &["sync", "serve", "db"]),
    ("config", &["daemon", "serve", "sync", "fetch", "plan", "nbia", "dicom"]),
    ("cli", &["config", "daemon", "demo", "serve", "sync", "fetch", "plan", "db", "mirror", "nbia", "dicom"]),
];

/// Paths below `crate::` that a file names.
#[derive(Default)]
struct Imports(BTreeSet<String>);

impl Imports {
    fn add(&mut self, segments: &[String]) {
        // `pub(crate)` is a path too, and imports nothing
        if let [first, rest @ ..] = segments
            && first == "crate"
            && !rest.is_empty()
        {
            self.0.insert(rest.join("::"));
        }
    }

    fn add_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.add(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.add(prefix),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(prefix, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&segments);
        visit::visit_path(self, path);
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn imports_of(text: &str) -> BTreeSet<String> {
    let mut imports = Imports::default();
    imports.visit_file(&syn::parse_file(text).unwrap());
    imports.0
}

fn is_allowed(module: &str, import: &str) -> bool {
    let (_, allowed) =
        MAY_IMPORT.iter().find(|(name, _)| *name == module).expect("every module stands in the table");
    let lies_in = |place: &str| import == place || import.starts_with(&format!("{place}::"));
    lies_in(module) || allowed.iter().any(|place| lies_in(place))
}

#[test]
fn every_module_imports_only_what_lies_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for file in rust_files(&source) {
        let inside = file.strip_prefix(&source).unwrap();
        let module =
            inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        for import in imports_of(&fs::read_to_string(&file).unwrap()) {
            if !is_allowed(module, &import) {
                wrong.push(format!("{} imports {import}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_reader_of_imports_sees_every_form() {
    let text = "use crate::{db::{self, Db}, nbia as remote};
                fn f() -> crate::sync::Error { crate::mirror::layout::x(); }";
    let found: Vec<_> = imports_of(text).into_iter().collect();
    assert_eq!(found, ["db::Db", "db::self", "mirror::layout::x", "nbia", "sync::Error"]);
    assert!(is_allowed("serve", "nbia::dialect::Dialect"));
    assert!(!is_allowed("serve", "nbia::Client"));
    assert!(!is_allowed("db", "nbia"));
}

/// What may stand in the text of a statement beside its own words: tables, columns and conditions on bound values, all of
/// them spelled out in the source; nothing stands for what has no name but the columns of a row. All else is bound.
const SPELLED_OUT: [&str; 19] = [
    "",
    "LOCAL_COLUMNS",
    "json",
    "key",
    "keyword",
    "many",
    "narrowed",
    "next",
    "next_id",
    "patient",
    "released",
    "remarks",
    "row",
    "series",
    "study",
    "table",
    "value",
    "view",
    "watermarks",
];
/// What a statement begins with.
const STATEMENT: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

/// The first texts of all `format!`s.
#[derive(Default)]
struct Formats(Vec<String>);

impl<'ast> Visit<'ast> for Formats {
    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        if found.path.is_ident("format") {
            let text = |input: syn::parse::ParseStream<'_>| {
                let text = input.parse::<syn::LitStr>()?;
                while input
                    .step(|rest| Ok(rest.token_tree().map_or(((), *rest), |(_, rest)| ((), rest))))
                    .is_ok()
                    && !input.is_empty()
                {}
                Ok(text)
            };
            self.0.extend(found.parse_body_with(text).map(|text| text.value()));
        }
    }
}

fn formats_of(text: &str) -> Vec<String> {
    let mut formats = Formats::default();
    formats.visit_file(&syn::parse_file(text).unwrap());
    formats.0
}

/// The names between the braces of a format.
fn filled_in(format: &str) -> Vec<&str> {
    format.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn no_statement_is_made_of_anything_but_what_the_source_spells_out() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for file in rust_files(&source) {
        for format in formats_of(&fs::read_to_string(&file).unwrap()) {
            let is_statement = STATEMENT.iter().any(|word| format.starts_with(word));
            let strange = filled_in(&format).into_iter().find(|name| !SPELLED_OUT.contains(name));
            if is_statement && (strange.is_some() || !file.starts_with(source.join("db"))) {
                wrong.push(format!("{}: {strange:?} in {format}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_reader_of_statements_sees_what_is_filled_in() {
    let found =
        formats_of(r#"fn f() { let a = format!("SELECT {x} FROM t WHERE n = {}", g(1)); h(format!("b")); }"#);
    assert_eq!(found, ["SELECT {x} FROM t WHERE n = {}", "b"]);
    assert_eq!(filled_in(&found[0]), ["x", ""]);
}
