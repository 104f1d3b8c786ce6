//! Keeps a faithful, verified, durable copy of collections of The Cancer Imaging Archive on a lab's own disk.
pub mod db;
pub mod demo;
pub mod dicom;
pub mod fetch;
pub mod mirror;
pub mod nbia;
pub mod plan;
