//! `verify`: re-hash what lies on disk against the record, ask the service about it, and fetch again what is damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use indicatif::MultiProgress;
use serde_json::json;

use super::arguments::{Global, Verify};
use super::exit::Exit;
use super::print;
use super::session::{Session, clock, configure, configure_locally, local_selections, open_root};
use super::signals::Signals;
use super::statement::{self, time};
use crate::config::Config;
use crate::db::Reader;
use crate::dicom::SeriesInstanceUid;
use crate::mirror::{ProblemKind, Root};
use crate::nbia::Client;
use crate::plan::Selection;
use crate::sync::{Aim, CheckTotals, Damage, Found, Pass, Question, check, next_sample};

pub(super) async fn run(
    global: &Global,
    command: Verify,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    let repairs = command.repair && !command.download.dry_run;
    let configure = if repairs || command.remote { configure } else { configure_locally };
    let config = configure(global, &command.download)?;
    let selections = local_selections(&config, &command.selection)?;
    // one that is not there must not be made by a repair
    open_root(&config)?;
    let watch = Watch::open(global, &config, repairs, bars).await?;
    let root = Arc::new(open_root(&config)?);
    let question = question(&command, &config, &root, &selections, watch.signals())?;
    let aim = if repairs { Aim::Repair } else { Aim::Find };
    let mut pass =
        if command.restart { Pass::anew(&root, &question) } else { Pass::open(&root, &question, aim) };
    say_where_it_goes_on(&pass);
    let mut wounds = Wounds::new();
    let finding = find(global, &root, &question, &mut pass, &mut wounds);
    let found = match watch.signals().unless_stopped(finding).await {
        Ok(found) => found?,
        Err(exit) => {
            print::talk("the same command goes on where this one was stopped");
            return Ok(exit);
        }
    };
    let ended = mend(watch, &root, &question, &wounds).await;
    // what was found is found, also where the repair could not go on
    conclude(global, &question, &pass, &found, ended.as_ref().map_or(0, |(repaired, _)| *repaired))?;
    let (repaired, exit) = ended?;
    if !matches!(exit, Exit::Interrupted | Exit::Terminated) {
        pass.close(aim);
    }
    if !selections.is_empty() && found.totals.instances == 0 {
        bail!("nothing in the mirror matches the selection");
    }
    Ok(judge(&found, repaired, exit))
}

/// What the end of a repair and what remains mean to a script.
fn judge(found: &Found, repaired: u64, exit: Exit) -> Exit {
    let is_proven = found.statements.values().all(|statement| statement.not_answered == 0);
    match exit {
        Exit::Done if found.totals.damaged() > repaired => Exit::Parked,
        Exit::Done if !is_proven => Exit::Failed,
        exit => exit,
    }
}

/// Who listens for signals: the session of a repair, or a reader alone.
enum Watch {
    Repairing(Box<Session>),
    Reading(Signals),
}

impl Watch {
    async fn open(
        global: &Global,
        config: &Config,
        repairs: bool,
        bars: Option<MultiProgress>,
    ) -> anyhow::Result<Self> {
        if repairs {
            return Ok(Self::Repairing(Box::new(Session::open(config, global, bars).await?)));
        }
        Ok(Self::Reading(Signals::listen(Duration::ZERO)?))
    }

    fn signals(&self) -> &Signals {
        match self {
            Self::Repairing(session) => &session.signals,
            Self::Reading(signals) => signals,
        }
    }

    /// Fetches damaged series again, where that was asked for; gives how many damaged files that has mended.
    async fn repair(self, wounds: &Wounds) -> anyhow::Result<(u64, Exit)> {
        match self {
            Self::Repairing(session) if !wounds.is_empty() => repair(*session, wounds).await,
            _ => Ok((0, Exit::Done)),
        }
    }
}

fn question<'a>(
    command: &Verify,
    config: &Config,
    root: &Root,
    selections: &'a [Selection],
    signals: &Signals,
) -> anyhow::Result<Question<'a>> {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let services = if command.remote { &config.services[..] } else { &[] };
    let client =
        |service| Client::new(service, signals.abort.clone(), clock, fastrand::Rng::new()).map(Arc::new);
    Ok(Question {
        selections,
        sample: command.sample.map(|share| next_sample(root, selections, share, fastrand::u64(..))),
        at_once: command.download.parallel.map_or_else(cores, |parallel| parallel as usize),
        services: services.iter().map(client).collect::<Result<_, _>>()?,
        clock,
    })
}

fn say_where_it_goes_on(pass: &Pass<'_>) {
    let [first, earlier @ .., _this] = pass.runs() else { return };
    let (series, bytes) = earlier
        .iter()
        .chain([first])
        .fold((0, 0), |(series, bytes), run| (series + run.series, bytes + run.bytes));
    print::talk(&format!(
        "going on with the verification that began {}: {series} series, {}, were read so far; --restart begins anew",
        time(first.began_at),
        print::bytes(bytes)
    ));
}

/// What is to be fetched again of a series.
#[derive(Debug)]
struct Wound {
    /// Files that are damaged, and the series itself where it is not what the service has.
    files: u64,
    /// Whether they are instances, so that the others need not be fetched.
    is_of_instances: bool,
    /// The series, where it is not what the service has.
    differs: Option<SeriesInstanceUid>,
}

type Wounds = BTreeMap<i64, Wound>;

async fn find(
    global: &Global,
    root: &Arc<Root>,
    question: &Question<'_>,
    pass: &mut Pass<'_>,
    wounds: &mut Wounds,
) -> anyhow::Result<Found> {
    let reader = Reader::open_all(&root.records())?;
    let mut printed = Ok(());
    let mut report = |damage: Damage| {
        let can_be_fetched = !matches!(damage.problem.kind, ProblemKind::Unexpected | ProblemKind::Withdrawn);
        if let Some((series_id, uid)) = damage.series.as_ref().filter(|_| can_be_fetched) {
            let unharmed = Wound { files: 0, is_of_instances: true, differs: None };
            let wound = wounds.entry(*series_id).or_insert(unharmed);
            wound.files += 1;
            if damage.problem.kind == ProblemKind::Differs {
                wound.differs = Some(uid.clone());
            }
            wound.is_of_instances &= damage.problem.sop_instance_uid.is_some();
        }
        if printed.is_ok() {
            printed = show(global.json, &damage);
        }
    };
    let found = check(root, &reader, question, pass, &mut report).await?;
    printed?;
    Ok(found)
}

fn show(as_json: bool, damage: &Damage) -> anyhow::Result<()> {
    let Damage { problem, series, reason } = damage;
    if as_json {
        let mut line = json!({
            "path": problem.path, "problem": problem.kind,
            "series_instance_uid": series.as_ref().map(|(_, uid)| uid), "sop_instance_uid": problem.sop_instance_uid,
        });
        if let Some(reason) = reason {
            line["reason"] = json!(reason);
        }
        return print::json(&line);
    }
    let kind = match problem.kind {
        ProblemKind::Missing => "missing",
        ProblemKind::Corrupt => "corrupt",
        ProblemKind::Unexpected => "unexpected",
        ProblemKind::Unreadable => "unreadable",
        ProblemKind::Differs => "differs",
        ProblemKind::Withdrawn => "withdrawn",
    };
    let why = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    print::data(&format!("{kind}: {}{}", print::plain(&problem.path), print::plain(&why)))
}

/// Repairs what was found; what the service has otherwise even then is not repaired.
async fn mend(
    watch: Watch,
    root: &Arc<Root>,
    question: &Question<'_>,
    wounds: &Wounds,
) -> anyhow::Result<(u64, Exit)> {
    let (repaired, exit) = watch.repair(wounds).await?;
    let differing = if repaired > 0 { still_differing(root, question, wounds).await? } else { 0 };
    Ok((repaired.saturating_sub(differing), exit))
}

/// Of how many series the service has something else, also now that they were fetched again.
async fn still_differing(root: &Arc<Root>, question: &Question<'_>, wounds: &Wounds) -> anyhow::Result<u64> {
    let series: BTreeSet<_> = wounds.values().filter_map(|wound| wound.differs.clone()).collect();
    if series.is_empty() {
        return Ok(0);
    }
    let selections = [Selection { series, ..Selection::default() }];
    let Question { at_once, clock, ref services, .. } = *question;
    let again =
        Question { selections: &selections, sample: None, at_once, services: services.clone(), clock };
    let mut pass = Pass::anew(root, &again);
    let found = check(root, &Reader::open_all(&root.records())?, &again, &mut pass, &mut |_| {}).await?;
    pass.close(Aim::Find);
    Ok(found.totals.differing)
}

async fn repair(mut session: Session, wounds: &Wounds) -> anyhow::Result<(u64, Exit)> {
    let cycle = session.cycle.clone();
    let series: Vec<_> = wounds.keys().copied().collect();
    // where the service has something else, nothing of ours is right
    let afresh = wounds.iter().filter(|(_, wound)| !wound.is_of_instances).map(|(series_id, _)| *series_id);
    let outcome = session.watch(cycle.repair(series.clone(), afresh.collect())).await?;
    let report = match (outcome, session.signals.received()) {
        (_, Some(exit)) => return Ok((0, exit)),
        (outcome, None) => outcome?,
    };
    if report.totals.parked == 0 && report.left == 0 {
        return Ok((wounds.values().map(|wound| wound.files).sum(), Exit::Done));
    }
    let unfinished = cycle.unfinished(series).await?;
    let mended = wounds.iter().filter(|(series_id, _)| !unfinished.contains(series_id));
    Ok((mended.map(|(_, wound)| wound.files).sum(), Exit::Parked))
}

fn conclude(
    global: &Global,
    question: &Question<'_>,
    pass: &Pass<'_>,
    found: &Found,
    repaired: u64,
) -> anyhow::Result<()> {
    if global.json {
        statement::print_json(question, pass, found)?;
        return summary(&found.totals, repaired, !question.services.is_empty());
    }
    if global.quiet {
        return Ok(());
    }
    statement::print_text(question, pass, found)?;
    let totals = &found.totals;
    let differing = match totals.differing {
        0 => String::new(),
        series => format!(", {series} series not as the service has them"),
    };
    print::data(&format!(
        "{} instances, {}: {} as recorded, {} missing, {} corrupt, {} unexpected, {} unreadable{differing}; repaired {repaired}",
        totals.instances,
        print::bytes(totals.bytes),
        totals.ok,
        totals.missing,
        totals.corrupt,
        totals.unexpected,
        totals.unreadable,
    ))
}

fn summary(totals: &CheckTotals, repaired: u64, is_compared: bool) -> anyhow::Result<()> {
    let mut summary = json!({
        "instances": totals.instances, "bytes": totals.bytes, "ok": totals.ok, "missing": totals.missing,
        "corrupt": totals.corrupt, "unexpected": totals.unexpected, "unreadable": totals.unreadable,
        "repaired": repaired,
    });
    if is_compared {
        summary["differing"] = json!(totals.differing);
    }
    print::json(&json!({ "summary": summary }))
}
