//! The program under strace: what it asks of the kernel, and its death on the way into a chosen call.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Output};

/// One thing that is handed to a call, or that it gives back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Argument {
    /// An open file, with the path that it had when the call was made.
    Descriptor(String, String),
    Text(Vec<u8>),
    Word(String),
}

/// A call that was made; strace saw it begin and end at these lines.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) thread: String,
    pub(super) name: String,
    pub(super) arguments: Vec<Argument>,
    /// `None` when the process died in it.
    pub(super) answer: Option<Argument>,
    pub(super) began: usize,
    pub(super) ended: usize,
}

impl Argument {
    fn read(text: &str) -> Self {
        let text = text.trim();
        if let Some(quoted) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            return Self::Text(unescape(quoted));
        }
        match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
            Some((number, path)) => {
                Self::Descriptor(number.to_owned(), String::from_utf8_lossy(&unescape(path)).into_owned())
            }
            None => Self::Word(text.to_owned()),
        }
    }

    /// The path of an open file, or a text.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::Descriptor(_, path) => Some(path.clone()),
            Self::Text(text) => String::from_utf8(text.clone()).ok(),
            Self::Word(_) => None,
        }
    }

    /// The number of an open file.
    pub(super) fn descriptor(&self) -> Option<String> {
        if let Self::Descriptor(number, _) = self { Some(number.clone()) } else { None }
    }

    /// Puts another path, or another beginning of one, in the place of the first.
    pub(super) fn replace(&mut self, from: &str, to: &str) {
        match self {
            Self::Descriptor(_, path) => *path = path.replace(from, to),
            Self::Text(text) => {
                if let Some(rest) = text.strip_prefix(from.as_bytes()) {
                    *text = [to.as_bytes(), rest].concat();
                }
            }
            Self::Word(_) => {}
        }
    }

    /// A number that is no open file.
    pub(super) fn number(&self) -> Option<i64> {
        if let Self::Word(word) = self { word.split(' ').next()?.parse().ok() } else { None }
    }

    /// The words of a set of flags.
    pub(super) fn has_flag(&self, flag: &str) -> bool {
        matches!(self, Self::Word(word) if word.split('|').any(|one| one == flag))
    }
}

impl Call {
    pub(super) fn has_failed(&self) -> bool {
        self.answer.as_ref().and_then(Argument::number).is_some_and(|number| number < 0)
    }

    /// Whether strace, told to look at this path only, looks at the call.
    pub(super) fn is_about(&self, path: &str) -> bool {
        self.arguments.iter().any(|argument| argument.name().as_deref() == Some(path))
    }
}

/// Runs a command to its end under strace; `options` say what is watched and where it dies.
pub(super) fn run(command: &Command, calls: &[&str], options: &[&str], log: &Path) -> Output {
    let mut strace = Command::new("strace");
    // `-xx` leaves no character in a name or in data that has a meaning in the log
    strace.args(["-f", "-qq", "-y", "-xx", "-s", "1000000", "-o"]).arg(log);
    // `?`: some processors have no call of that name
    strace.arg("-e").arg(format!("trace=?{}", calls.join(",?"))).args(options);
    strace.arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    let output = strace.output();
    output.unwrap_or_else(|error| {
        panic!("cannot run strace: {error}; install it (Debian, Ubuntu: apt-get install strace), these tests need it")
    })
}

/// Every call in a log, in the order in which they ended.
pub(super) fn read(log: &Path) -> Vec<Call> {
    let text = std::fs::read_to_string(log).unwrap();
    let (mut calls, mut open) = (Vec::new(), HashMap::new());
    for (line, text) in text.lines().enumerate() {
        let Some((thread, event)) = text.split_once(' ') else { panic!("strace wrote: {text}") };
        let event = event.trim_start();
        let is_no_call = ["+++", "---", "???"].iter().any(|mark| event.starts_with(mark));
        if is_no_call || event.ends_with("<detached ...>") {
            continue;
        }
        if let Some(begun) = event.strip_suffix("<unfinished ...>") {
            open.insert(thread.to_owned(), (line, begun.to_owned()));
        } else if let Some(resumed) = event.strip_prefix("<... ") {
            let (_, rest) = resumed.split_once(" resumed>").unwrap();
            let (began, begun) = open.remove(thread).unwrap();
            calls.push(call(thread, &(begun + rest), began, line));
        } else {
            calls.push(call(thread, event, line, line));
        }
    }
    let unended =
        open.into_iter().map(|(thread, (began, begun))| call(&thread, &(begun + ") = ?"), began, usize::MAX));
    calls.extend(unended);
    calls
}

/// `name(argument, …) = answer`
fn call(thread: &str, text: &str, began: usize, ended: usize) -> Call {
    let (name, rest) = text.split_once('(').unwrap_or_else(|| panic!("strace wrote: {text}"));
    let (arguments, answer) = rest.rsplit_once(" = ").unwrap_or_else(|| panic!("strace wrote: {text}"));
    let arguments = arguments.trim_end().strip_suffix(')').unwrap();
    Call {
        thread: thread.to_owned(),
        name: name.to_owned(),
        arguments: arguments.split(", ").filter(|one| !one.is_empty()).map(Argument::read).collect(),
        answer: Some(answer).filter(|answer| !answer.starts_with('?')).map(Argument::read),
        began,
        ended,
    }
}

/// `\x2f\x74` as bytes; what is not escaped stands for itself.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = behind
            .strip_prefix(b"x")
            .filter(|_| *first == b'\\')
            .and_then(|digits| digits.split_at_checked(2));
        let (byte, behind) = escaped.map_or((*first, behind), |(digits, behind)| {
            let digits = str::from_utf8(digits).unwrap();
            (u8::from_str_radix(digits, 16).unwrap(), behind)
        });
        bytes.push(byte);
        rest = behind;
    }
    bytes
}
