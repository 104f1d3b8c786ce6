//! Those who watch: the record is read for all of them together, and only while there is one.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::super::served::ServedMirror;
use super::view::View;
use super::{Page, guards};

/// How often the record is read while somebody watches.
const EVERY: Duration = Duration::from_secs(2);
/// How many may watch at a time: a lab's administrators with a few tabs each.
pub(in crate::serve) const MOST_WATCHERS: usize = 32;
/// After how long without an event a comment tells that the server is there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After how long a browser that has lost the stream asks for it again.
const AGAIN: Duration = Duration::from_secs(5);

/// The page as it was read last; `None` when it is not read.
type Shown = Option<Arc<Page>>;

/// Those who watch.
pub(in crate::serve) struct Watch {
    pages: watch::Sender<Shown>,
    places: Arc<Semaphore>,
    /// Whether a task reads the record for them.
    is_read: Mutex<bool>,
}

impl Watch {
    pub(in crate::serve) fn new() -> Self {
        let places = Arc::new(Semaphore::new(MOST_WATCHERS));
        Self { pages: watch::Sender::new(None), places, is_read: Mutex::new(false) }
    }

    /// The page as it is read from now on; the first who watches has it read.
    fn subscribe(mirror: &Arc<ServedMirror>) -> watch::Receiver<Shown> {
        let watch = mirror.watch();
        let mut is_read = watch.is_read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pages = watch.pages.subscribe();
        if !*is_read {
            *is_read = true;
            mirror.go_on(keep_reading(Arc::clone(mirror)));
        } else if pages.borrow().is_some() {
            pages.mark_changed();
        }
        pages
    }

    /// Ends the reading if nobody watches any more; when it is cut short, those who do are sent away.
    fn ends(&self, is_cut: bool) -> bool {
        let mut is_read = self.is_read.lock().unwrap_or_else(PoisonError::into_inner);
        if is_cut || self.pages.receiver_count() == 0 {
            *is_read = false;
            self.pages.send_replace(None);
        }
        !*is_read
    }
}

async fn keep_reading(mirror: Arc<ServedMirror>) {
    loop {
        let read =
            Arc::clone(&mirror).read(|mirror, reader| Ok(Page::of(&View::read(mirror, reader)?))).await;
        let is_cut = match read {
            Ok(page) => {
                mirror.watch().pages.send_replace(Some(Arc::new(page)));
                tokio::time::sleep(EVERY).await;
                false
            }
            Err(fault) => {
                fault.report("the status page");
                true
            }
        };
        if mirror.watch().ends(is_cut) {
            return;
        }
    }
}

/// The parts of the page that change, as they do.
pub(super) async fn events(State(mirror): State<Arc<ServedMirror>>) -> Response {
    let Ok(place) = Arc::clone(&mirror.watch().places).try_acquire_owned() else {
        let answer = (guards("text/plain; charset=utf-8"), "too many watch already\n");
        return (StatusCode::SERVICE_UNAVAILABLE, answer).into_response();
    };
    let (outlet, inlet) = mpsc::channel(1);
    mirror.go_on(tell(Watch::subscribe(&mirror), outlet, place));
    let events = stream::unfold(inlet, |mut inlet| async move {
        let event: Event = inlet.recv().await?;
        Some((Ok::<_, Infallible>(event), inlet))
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("still here"));
    // nginx would keep the events back until it has a page of them
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    (guards("text/event-stream"), unbuffered, events).into_response()
}

/// Tells one watcher of each change, until it leaves or the reading ends.
async fn tell(mut pages: watch::Receiver<Shown>, outlet: mpsc::Sender<Event>, _place: OwnedSemaphorePermit) {
    let mut told = Arc::<Page>::default();
    loop {
        tokio::select! {
            () = outlet.closed() => return,
            changed = pages.changed() => if changed.is_err() { return },
        }
        let Some(page) = pages.borrow_and_update().clone() else { return };
        for part in page.news_since(&told) {
            let event = Event::default().event(part.id).retry(AGAIN).data(&part.html);
            if outlet.send(event).await.is_err() {
                return;
            }
        }
        told = page;
    }
}
