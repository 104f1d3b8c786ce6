//! What a root lies on: whether other machines may see it too.

use std::io;

use super::root::Root;

/// What `statfs(2)` calls file systems that several machines may have mounted, and what people call them. What FUSE shows
/// may be anything, and most of it comes over a network.
const SHARED: [(u64, &str); 5] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0x0bd0_0bd0, "Lustre"),
    (0x6573_5546, "FUSE"),
];

impl Root {
    /// The name of the file system, when it is one of several machines.
    pub fn shared_file_system(&self) -> io::Result<Option<&'static str>> {
        Ok(name_of(self.directory.file_system()?))
    }
}

/// What people call a file system of several machines, by its number.
pub(super) fn name_of(magic: u64) -> Option<&'static str> {
    // as wide as the kernel has it: the upper half is nothing, or the sign
    let is_it = |(known, _): &&(u64, &str)| *known == magic & 0xffff_ffff;
    SHARED.iter().find(is_it).map(|(_, name)| *name)
}

/// What follows for a mirror that is not split, in words.
pub fn what_follows(file_system: &str) -> String {
    format!(
        "the root lies on {file_system}, and the record of a mirror that is not split works for one machine only: run every \
         command on this one, also `status` and `serve`, or split the mirror with --shard"
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Scratch;
    use super::*;

    #[test]
    fn file_systems_of_several_machines_are_known_however_wide_their_number_comes() {
        for (magic, name) in [
            (0x6969, Some("NFS")),
            (0xfe53_4d42, Some("SMB")),
            (0xffff_ffff_ff53_4d42, Some("SMB")),
            (0x0bd0_0bd0, Some("Lustre")),
            (0x6573_5546, Some("FUSE")),
            // ext4, tmpfs, overlayfs, XFS
            (0xef53, None),
            (0x0102_1994, None),
            (0x794c_7630, None),
            (0x5846_5342, None),
        ] {
            assert_eq!(name_of(magic), name, "{magic:x}");
        }
    }

    #[test]
    fn a_root_on_a_disk_of_this_machine_is_no_other_machines() {
        assert_eq!(Scratch::new().root.shared_file_system().unwrap(), None);
    }
}
