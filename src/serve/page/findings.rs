//! What is not as it should be, and how bad that is.

use super::view::View;
use super::words::counted;
use crate::db::RunReport;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    Well,
    Look,
    Trouble,
}

impl Grade {
    /// The word that stands for it, also in the style.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Look => "look",
            Self::Trouble => "trouble",
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) grade: Grade,
    /// May hold words of others.
    pub(super) text: String,
}

/// How bad an outcome is.
pub(super) fn grade_of(outcome: Option<&str>) -> Grade {
    match outcome {
        None | Some("done" | "stopped") => Grade::Well,
        Some("failed" | "died") => Grade::Trouble,
        Some(_) => Grade::Look,
    }
}

/// Everything that is not as it should be, the worst first.
pub(super) fn findings(view: &View) -> Vec<Finding> {
    let trouble = |text: &String| Finding { grade: Grade::Trouble, text: text.clone() };
    let mut found: Vec<_> = view.complaints.iter().map(trouble).collect();
    found.extend(view.last_ended().and_then(of_last));
    let parked = view.overview.status.series.parked;
    if parked > 0 {
        let text = format!("{} parked, see below why.", counted(parked, "series is", "series are"));
        found.push(Finding { grade: Grade::Look, text });
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.grade));
    found
}

/// How bad it is in all.
pub(super) fn worst(findings: &[Finding]) -> Grade {
    findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Well)
}

fn of_last(run: &RunReport) -> Option<Finding> {
    let grade = grade_of(run.outcome.as_deref());
    let what = match run.outcome.as_deref()? {
        "failed" => "could not go on",
        "died" => "ended in the middle: its process died",
        "incomplete" => "could not list everything that was asked for",
        "unfinished" => "left series in the queue",
        // what is parked is told by itself
        _ => return None,
    };
    let reason = run.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Some(Finding { grade, text: format!("The last {} {what}{reason}", run.command) })
}
