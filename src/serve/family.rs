//! The two programs that have spoken for the archive; each has its manners, whatever the generation of its API.

use crate::nbia::dialect::Dialect;

/// Which program a dialect comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// The middleware in front of the archive until 2022 (sharmalab/bindaas).
    Bindaas,
    /// The archive's own server (CBIIT/NBIA-TCIA).
    Nbia,
}

impl Family {
    pub(super) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::BindaasV3 => Self::Bindaas,
            Dialect::NbiaV4 => Self::Nbia,
        }
    }
}
