//! The daemon, as systemd sees it and as those see it who watch the mirror.

mod cycles;
mod hooks;
mod supervised;
mod watched;

use supervised::Supervised;
