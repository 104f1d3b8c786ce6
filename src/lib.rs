//! Keeps a faithful, verified, durable copy of collections of The Cancer Imaging Archive on a lab's own disk.
//!
//! The data's way: [`plan`] asks the service through [`nbia`] what there is and decides what is fetched; [`sync`] writes
//! that into the record, [`db`], and lets its workers take one series after the other: [`fetch`] unpacks it into the
//! staging directory of [`mirror`], which proves it whole and places it in one durable step; the record follows.
//! [`serve`] answers for the archive from what lies on disk. Everything speaks the words of [`dicom`].

pub mod cli;
pub mod config;
pub mod daemon;
pub mod db;
pub mod demo;
pub mod dicom;
pub mod fetch;
pub mod metrics;
pub mod mirror;
pub mod nbia;
pub mod plan;
pub mod serve;
pub mod sync;
