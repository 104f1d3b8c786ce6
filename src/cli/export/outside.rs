//! Exports lie outside of the mirror, where they are nobody's damage.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::exit::UsageError;
use crate::mirror::Root;

/// Refuses a file in the tree of a mirror.
pub(super) fn refuse_inside(root: &Root, path: &Path) -> anyhow::Result<()> {
    if real(path)?.starts_with(real(root.path())?) {
        let text = format!(
            "{} lies inside the mirror, where `verify` would call it unexpected: name a place outside of {}",
            path.display(),
            root.path().display()
        );
        return Err(UsageError(text).into());
    }
    Ok(())
}

/// A path without links, as far as it is there.
pub(super) fn real(path: &Path) -> anyhow::Result<PathBuf> {
    let absolute = std::path::absolute(path).with_context(|| format!("cannot use {}", path.display()))?;
    let there = absolute.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    let Some((above, real)) = there else { return Ok(absolute) };
    Ok(real.join(absolute.strip_prefix(above).unwrap_or(Path::new(""))))
}
