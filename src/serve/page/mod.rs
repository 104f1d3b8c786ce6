//! The status page: how the mirror does, for people, at a glance.
//!
//! Owns what the page says and looks like, and the stream by which it stays up to date. Every text that comes from a
//! service goes through [`words`]; the page loads nothing from anywhere else, and nothing can be done from it.

mod cycles;
mod findings;
mod glance;
mod plots;
mod series;
mod view;
mod watch;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, PreEscaped, html};

#[cfg(test)]
pub(super) use watch::MOST_WATCHERS;
pub(super) use watch::Watch;

use super::served::ServedMirror;
use view::View;

/// The page may load its own style, script and icon, listen to its own server, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The sections in their order: which part of the page each shows, and its heading.
const SECTIONS: [(&str, &str); 7] = [
    ("glance", "At a glance"),
    ("running", "Under way"),
    ("parked", "Parked series"),
    ("cycles", "Last runs"),
    ("plots", "Over time"),
    ("collections", "Collections"),
    ("remarks", "Strange answers of the service"),
];
const STYLE: &str = include_str!("status.css");
const SCRIPT: &str = include_str!("status.js");
const ICON: &str = include_str!("status.svg");

pub(super) fn routes() -> Router<Arc<ServedMirror>> {
    Router::new()
        .route("/", get(page))
        .route("/status/events", get(watch::events))
        .route("/status.css", get(async || (guards("text/css; charset=utf-8"), STYLE)))
        .route("/status.js", get(async || (guards("text/javascript; charset=utf-8"), SCRIPT)))
        .route("/status.svg", get(async || (guards("image/svg+xml"), ICON)))
}

/// What every answer of this module is sent with.
fn guards(kind: &'static str) -> [(HeaderName, &'static str); 5] {
    [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}

async fn page(State(mirror): State<Arc<ServedMirror>>) -> Response {
    match mirror.read(|mirror, reader| Ok(Page::of(&View::read(mirror, reader)?))).await {
        Ok(page) => (guards("text/html; charset=utf-8"), page.shell().into_string()).into_response(),
        Err(fault) => {
            fault.report("the status page");
            let answer = (guards("text/plain; charset=utf-8"), "the record cannot be read\n");
            (StatusCode::INTERNAL_SERVER_ERROR, answer).into_response()
        }
    }
}

/// A part of the page that changes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// The `id` of its element, and the name of its event.
    id: &'static str,
    html: String,
}

/// Everything on the page that changes.
#[derive(Debug, Default)]
struct Page {
    parts: Vec<Part>,
}

impl Page {
    fn of(view: &View) -> Self {
        let parts: [(&'static str, Markup); 9] = [
            ("stamp", glance::stamp(view)),
            ("announcement", glance::announcement(view)),
            ("glance", glance::glance(view)),
            ("running", series::running(view)),
            ("collections", glance::collections(view)),
            ("parked", series::parked(view)),
            ("cycles", cycles::cycles(view)),
            ("plots", plots::plots(view)),
            ("remarks", series::remarks(view)),
        ];
        Self { parts: parts.map(|(id, html)| Part { id, html: html.into_string() }).into() }
    }

    /// The parts that say something else than those of an earlier page; all of them where there is none.
    fn news_since<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = &'a Part> {
        self.parts.iter().filter(|part| !earlier.parts.contains(part))
    }

    fn part(&self, id: &str) -> PreEscaped<&str> {
        PreEscaped(self.parts.iter().find(|part| part.id == id).map_or("", |part| &part.html))
    }

    fn shell(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { "TCIA mirror" }
                    link rel="icon" href="/status.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/status.css";
                    script src="/status.js" defer {}
                }
                body {
                    a.skip href="#main" { "Skip to the figures" }
                    (self.header())
                    (self.main())
                    footer {
                        p {
                            "For programs: " a href="/api/status" { "status" } ", " a href="/metrics" { "metrics" } ", "
                            a href="/readyz" { "readiness" } ". Times are UTC. tcia-mirror " (env!("CARGO_PKG_VERSION"))
                        }
                    }
                }
            }
        }
    }

    fn header(&self) -> Markup {
        html! {
            header {
                h1 { "TCIA mirror" }
                p #announcement data-live role="status" { (self.part("announcement")) }
                p.state {
                    span #stamp data-live { (self.part("stamp")) } " "
                    span #stream role="status" { "A snapshot." }
                    " " noscript { a href="/" { "Load it again" } }
                }
                nav aria-label="Parts of this page" {
                    ul { @for (id, title) in SECTIONS { li { a href={ "#" (id) "-title" } { (title) } } } }
                }
            }
        }
    }

    fn main(&self) -> Markup {
        html! {
            main #main tabindex="-1" {
                @for (id, title) in SECTIONS {
                    @let heading = format!("{id}-title");
                    section aria-labelledby=(heading) {
                        h2 id=(heading) tabindex="-1" { (title) }
                        div id=(id) data-live { (self.part(id)) }
                    }
                }
            }
        }
    }
}
