//! The plots, drawn here: what each run downloaded, and how the tree grew.

use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};

use super::view::View;
use super::words::{bytes, counted};
use crate::db::{Day, RunReport};

const WIDTH: u64 = 360;
const HEIGHT: u64 = 150;
/// Where the curve lies between the labels.
const LEFT: u64 = 58;
const RIGHT: u64 = WIDTH - 4;
const TOP: u64 = 12;
const BOTTOM: u64 = 128;
/// Points of a curve: more would not be seen.
const POINTS: usize = 180;

const DAY_S: i64 = 86_400;

pub(super) fn plots(view: &View) -> Markup {
    html! { div.plots { (throughput(&view.overview.history)) (growth(&view.overview.days)) } }
}

/// A plot with its frame: the highest value, half of it, and what is first and last.
struct Frame<'a> {
    id: &'a str,
    title: &'a str,
    description: &'a str,
    most: u64,
    first: String,
    last: String,
}

impl Frame<'_> {
    fn around(&self, curve: &Markup) -> Markup {
        let (title, description) = (format!("{}-title", self.id), format!("{}-description", self.id));
        let half = TOP.midpoint(BOTTOM);
        html! {
            figure {
                figcaption id=(title) { (self.title) }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby=(title) aria-describedby=(description) {
                    desc id=(description) { (self.description) }
                    @for (y, value) in [(TOP, self.most), (half, self.most / 2)] {
                        line.grid x1=(LEFT) x2=(RIGHT) y1=(y) y2=(y) {}
                        text.end x=(LEFT - 6) y=(y + 4) { (bytes(value)) }
                    }
                    (curve)
                    line.axis x1=(LEFT) x2=(RIGHT) y1=(BOTTOM) y2=(BOTTOM) {}
                    text x=(LEFT) y=(BOTTOM + 15) { (self.first) }
                    text.end x=(RIGHT) y=(BOTTOM + 15) { (self.last) }
                }
                p.description { (self.description) }
            }
        }
    }
}

/// How far a value is of the highest one, in tenths of a unit of the drawing, so that the curve is smooth.
fn height(value: u64, most: u64) -> u64 {
    let tenths = u128::from(value) * u128::from((BOTTOM - TOP) * 10) / u128::from(most.max(1));
    u64::try_from(tenths).unwrap_or(0)
}

/// Tenths as a number with one decimal.
fn tenths(tenths: u64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn date(time: &str) -> String {
    time.get(..10).unwrap_or(time).to_owned()
}

fn throughput(history: &[RunReport]) -> Markup {
    let runs: Vec<_> = history.iter().rev().filter(|run| run.outcome.is_some()).collect();
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
        return html! { p { "No run has ended yet." } };
    };
    let downloaded = |run: &&RunReport| run.totals.downloaded_bytes;
    let most = runs.iter().map(downloaded).max().unwrap_or(0);
    let description = format!(
        "{} since {}: {} at most, {} by the last one on {}.",
        counted(runs.len() as u64, "run", "runs"),
        date(&first.started_at),
        bytes(most),
        bytes(downloaded(last)),
        date(&last.started_at)
    );
    let (first, last) = (date(&first.started_at), date(&last.started_at));
    Frame { id: "throughput", title: "Downloaded by each run", description: &description, most, first, last }
        .around(&bars(&runs, most))
}

fn bars(runs: &[&RunReport], most: u64) -> Markup {
    let step = (RIGHT - LEFT) * 10 / runs.len().max(12) as u64;
    html! {
        @for (index, run) in (0..).zip(runs) {
            @let height = height(run.totals.downloaded_bytes, most).max(5);
            rect.bar x=(tenths(LEFT * 10 + index * step)) y=(tenths(BOTTOM * 10 - height))
                width=(tenths(step * 4 / 5)) height=(tenths(height)) {
                title { (run.started_at) ": " (bytes(run.totals.downloaded_bytes)) }
            }
        }
    }
}

/// The bytes in the tree at the end of each day, from the day before the first one on.
fn grown(days: &[Day]) -> Vec<Day> {
    let before = days.first().map(|first| Day { day: first.day - 1, bytes: 0 });
    let sum = |sum: &mut u64, day: &Day| {
        *sum = sum.saturating_add(day.bytes);
        Some(Day { day: day.day, bytes: *sum })
    };
    before.into_iter().chain(days.iter().scan(0, sum)).collect()
}

fn growth(days: &[Day]) -> Markup {
    let grown = grown(days);
    let (Some(first), Some(last)) = (grown.first(), grown.last()) else {
        return html! { p { "Nothing lies in the tree yet." } };
    };
    let (from, to) = (day(first.day), day(last.day));
    let description = format!(
        "What lies in the tree, by the day on which it was placed: {} since {from}.",
        bytes(last.bytes)
    );
    let frame = Frame {
        id: "growth",
        title: "In the tree",
        description: &description,
        most: last.bytes,
        first: from,
        last: to,
    };
    frame.around(&area(&grown, last.bytes))
}

fn day(day: i64) -> String {
    Timestamp::from_second(day.saturating_mul(DAY_S))
        .map_or_else(|_| day.to_string(), |time| date(&time.to_string()))
}

fn area(grown: &[Day], most: u64) -> Markup {
    let (Some(first), Some(last)) = (grown.first(), grown.last()) else { return html! {} };
    let length = last.day.abs_diff(first.day).max(1);
    let every = grown.len().div_ceil(POINTS).max(1);
    // counted from the end, so that the last one is among them
    let kept = (0..grown.len()).filter(|index| (grown.len() - 1 - index).is_multiple_of(every));
    let points = kept.map(|index| {
        let point = grown[index];
        let x = LEFT * 10 + point.day.abs_diff(first.day) * (RIGHT - LEFT) * 10 / length;
        format!("{},{}", tenths(x), tenths(BOTTOM * 10 - height(point.bytes, most)))
    });
    let points = points.collect::<Vec<_>>().join(" ");
    html! {
        polygon.area points=(PreEscaped(format!("{LEFT},{BOTTOM} {points} {RIGHT},{BOTTOM}"))) {}
        polyline.curve points=(PreEscaped(points)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_grows_by_what_each_day_brought() {
        let day = |day, bytes| Day { day, bytes };

        let grown = grown(&[day(10, 5), day(12, 7)]);

        assert_eq!(grown, [day(9, 0), day(10, 5), day(12, 12)]);
        let drawn = area(&grown, 12).into_string();
        assert!(
            drawn.contains(r#"<polyline class="curve" points="58.0,128.0 157.3,79.7 356.0,12.0">"#),
            "{drawn}"
        );
    }

    #[test]
    fn a_long_history_is_drawn_with_few_points_and_ends_where_the_tree_stands() {
        let days: Vec<_> = (0..4000).map(|day| Day { day, bytes: u64::MAX / 4000 }).collect();

        let drawn = growth(&days).into_string();

        let points = drawn.split("points=\"").nth(2).unwrap().split('"').next().unwrap();
        assert!((100..=POINTS).contains(&points.split(' ').count()), "{points}");
        assert!(points.ends_with("356.0,12.0"), "{points}");
    }
}
