//! What `verify` states beside its summary: the sample, the runs, and what the services say of each collection.

use serde_json::json;

use super::print;
use crate::sync::{Found, Pass, Question, Run, Statement};

/// A line for each.
pub(super) fn print_json(question: &Question<'_>, pass: &Pass<'_>, found: &Found) -> anyhow::Result<()> {
    if let Some(sample) = pass.sample(question.sample) {
        print::json(&json!({ "sample": { "share": sample.share.to_string(), "from": sample.beginning() } }))?;
    }
    for run in earlier_and_this(pass) {
        print::json(&json!({ "run": {
            "began_at": time(run.began_at), "ended_at": time(run.ended_at), "series": run.series,
            "instances": run.instances, "bytes": run.bytes,
        }}))?;
    }
    for ((collection, service), statement) in &found.statements {
        print::json(&json!({ "statement": {
            "collection": collection, "service": service, "series": statement.series,
            "instances": statement.instances, "bytes": statement.bytes, "proofs": statement.proofs,
            "tells_md5s": statement.tells_md5s, "differing": statement.differing,
            "withdrawn": statement.withdrawn, "not_answered": statement.not_answered,
            "damaged": statement.damaged, "as_of": time(statement.as_of),
        }}))?;
    }
    Ok(())
}

/// A sentence for each.
pub(super) fn print_text(question: &Question<'_>, pass: &Pass<'_>, found: &Found) -> anyhow::Result<()> {
    if let Some(sample) = pass.sample(question.sample) {
        let (share, from) = (sample.share, sample.beginning());
        print::data(&format!("a sample of {share} of the series, drawn from {from} of their ring on"))?;
    }
    for run in earlier_and_this(pass) {
        print::data(&format!(
            "read from {} to {}: {} series, {} instances, {}",
            time(run.began_at),
            time(run.ended_at),
            run.series,
            run.instances,
            print::bytes(run.bytes)
        ))?;
    }
    for ((collection, service), statement) in &found.statements {
        print::data(&format!("{}: {}", print::plain(collection.as_str()), sentence(service, statement)))?;
    }
    Ok(())
}

/// The runs of a verification that took several.
fn earlier_and_this<'a>(pass: &'a Pass<'_>) -> &'a [Run] {
    let runs = pass.runs();
    if runs.len() > 1 { runs } else { &[] }
}

fn sentence(service: &str, statement: &Statement) -> String {
    let proofs = statement.proofs.iter().map(|(proof, series)| format!("{series} by {}", in_words(proof)));
    let proofs = proofs.collect::<Vec<_>>().join(", ");
    let others = [
        (statement.differing, "differ"),
        (statement.withdrawn, "are not there"),
        (statement.not_answered, "were not answered about"),
        (statement.damaged, "are damaged here"),
    ];
    let others = others.iter().filter(|(series, _)| *series > 0);
    let others: Vec<_> = others.map(|(series, what)| format!("; {series} series {what}")).collect();
    let without = if statement.tells_md5s { "" } else { "; this service tells no MD5s" };
    format!(
        "{} series, {} instances, {} are as {service} has them at {}{}{proofs}{}{without}",
        statement.series,
        statement.instances,
        print::bytes(statement.bytes),
        time(statement.as_of),
        if proofs.is_empty() { "" } else { ": " },
        others.concat(),
    )
}

/// A proof as people would say it.
fn in_words(proof: &str) -> String {
    let word = |part| match part {
        "count" => "number",
        "bytes" => "bytes",
        "instances" => "names of instances",
        "hierarchy" => "one MD5 over all instances",
        other => other,
    };
    proof.split('+').map(word).collect::<Vec<_>>().join(" and ")
}

/// Seconds since 1970 as a time of day.
pub(super) fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
