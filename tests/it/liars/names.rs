//! Names that mean harm.
