//! `demo`: the whole story without a network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use indicatif::MultiProgress;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::arguments::{DownloadFlags, Global};
use super::exit::Exit;
use super::print;
use super::session::{Session, clock, configure};
use crate::config::Config;
use crate::db::Reader;
use crate::mirror::Root;
use crate::nbia::Dialect;
use crate::plan::Selection;
use crate::serve::{self, ServedMirror};
use crate::sync::{Aim, Pass, Question, Report, check};
use crate::{demo, sync};

/// Where the demo mirrors to when `--root` does not say.
const ROOT: &str = "./tcia-demo";
/// Free space that the demo asks for: twice what it writes.
const MIN_FREE: u64 = 110_000_000;

pub(super) async fn run(global: &Global, bars: Option<MultiProgress>) -> anyhow::Result<Exit> {
    let story = Story { silent: global.json };
    let source = tempfile::tempdir().context("cannot make a directory for the sample archive")?;
    story.tell(
        "1. A sample archive: the data set of the archive's documented test server, with generated images.",
    )?;
    let built = demo::build(source.path()).await?;
    story.tell(&format!(
        "   {} collections, {} studies, {} series, {} instances, {}.",
        built.collections,
        built.studies,
        built.series,
        built.instances,
        print::bytes(built.bytes)
    ))?;
    let server = Server::start(source.path()).await?;
    story.tell(&format!("2. It is served on loopback, as the archive does it: {}", server.base_url))?;
    let config = configure_demo(global, &server.base_url)?;
    let root = config.root.display();
    story.tell(&format!("3. It is mirrored to {root}: walked, recorded, downloaded, verified, placed."))?;
    let (report, exit) = mirror(&config, global, bars).await?;
    if exit != Exit::Done {
        return Ok(exit);
    }
    story.tell(&format!(
        "   {} requests; nothing counts as done before its bytes are proven.",
        report.totals.requests
    ))?;
    story.tell("4. Every byte is read again and compared with the record.")?;
    let exit = verify(&config, &story).await?;
    server.stop().await;
    story.end(&config.root)?;
    Ok(exit)
}

/// What the demo says as it goes; nothing where JSON was asked for.
struct Story {
    silent: bool,
}

impl Story {
    fn tell(&self, line: &str) -> anyhow::Result<()> {
        if self.silent { Ok(()) } else { print::data(line) }
    }

    fn end(&self, root: &Path) -> anyhow::Result<()> {
        let root = root.display();
        self.tell(&format!(
            "\nLook at it:\n  tcia-mirror --root {root} status\n  tcia-mirror --root {root} verify\n  \
             sqlite3 {root}/.tcia-mirror/state.sqlite 'SELECT * FROM mirrored LIMIT 5'\n  \
             tcia-mirror --root {root} serve\n\nThe real service, one collection; run it again to go on or to update:\n  \
             tcia-mirror --root /srv/tcia plan --collection TCGA-GBM\n  \
             tcia-mirror --root /srv/tcia mirror --collection TCGA-GBM"
        ))
    }
}

/// The sample archive on a free port of loopback.
struct Server {
    base_url: Url,
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Server {
    async fn start(source: &Path) -> anyhow::Result<Self> {
        let mirror = Arc::new(ServedMirror::open(source)?);
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on loopback")?;
        let path = Dialect::NbiaV4.description().path;
        let base_url = format!("http://{}{path}", listener.local_addr()?).parse()?;
        let (stop, mut task) = (CancellationToken::new(), JoinSet::new());
        task.spawn(serve::run(listener, mirror, stop.clone()));
        Ok(Self { base_url, stop, task })
    }

    async fn stop(mut self) {
        self.stop.cancel();
        drop(self.task.join_next().await);
    }
}

/// Defaults, as far as a sample needs them: no request rate, and a disk may be small.
fn configure_demo(global: &Global, base_url: &Url) -> anyhow::Result<Config> {
    let mut config = configure(global, &DownloadFlags::default())?;
    config.root = global.root.clone().unwrap_or_else(|| PathBuf::from(ROOT));
    config.sync.shard = None;
    config.services.truncate(1);
    let service = &mut config.services[0];
    service.base_url = base_url.clone();
    service.dialect = None;
    (service.api_key, service.token, service.login) = (None, None, None);
    (service.query_rate.amount, service.image_rate.amount) = (0, 0);
    config.sync.disk = sync::DiskOptions { min_free: MIN_FREE, min_free_inodes: 1000 };
    Ok(config)
}

async fn mirror(
    config: &Config,
    global: &Global,
    bars: Option<MultiProgress>,
) -> anyhow::Result<(Report, Exit)> {
    let mut session = Session::open(config, global, bars).await?;
    let cycle = session.cycle.clone();
    let everything = [Selection { all_collections: true, ..Selection::default() }];
    let outcome = session.watch(cycle.mirror(&everything)).await?;
    let report = outcome.as_ref().ok().cloned().unwrap_or_default();
    Ok((report, session.conclude(outcome)?))
}

async fn verify(config: &Config, story: &Story) -> anyhow::Result<Exit> {
    let root = Arc::new(Root::open(&config.root)?);
    let reader = Reader::open(&root.state_file())?;
    let at_once = config.sync.parallel.most;
    let question = Question { selections: &[], sample: None, at_once, services: Vec::new(), clock };
    let mut pass = Pass::anew(&root, &question);
    let totals = check(&root, &reader, &question, &mut pass, &mut |_| ()).await?.totals;
    pass.close(Aim::Find);
    story.tell(&format!(
        "   {} instances, {} as recorded, {} damaged.",
        totals.instances,
        totals.ok,
        totals.damaged()
    ))?;
    Ok(if totals.damaged() == 0 { Exit::Done } else { Exit::Parked })
}
