//! A recording on disk: NDJSON, what was promised on the first line, then a line for each exchange.
//!
//! A line is written when its exchange has ended, so a recording that was cut off, even in the middle of a line, can
//! be read as far as it goes. One that was ended in order has all exchanges in the order of their requests, and a last
//! line with their number. The first line carries the version of the format; nobody reads another one by guessing.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{person::By, seen::Seen};
use crate::{
    scenario::model::CredentialMode,
    trace::{facts::Shape, facts::Sharing},
};

/// The version of the format that is written and read.
pub const VERSION: u64 = 1;
/// The key by which a recording is known.
const KEY: &str = "crosstalk-observed";

/// The first line: where the taps stood, and what the hub promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the format.
    #[serde(rename = "crosstalk-observed")]
    pub version: u64,
    /// Where the hub was.
    pub hub: String,
    /// The upstreams before which a tap stood, with their places.
    pub upstreams: BTreeMap<String, String>,
    /// How people are told apart.
    pub by: By,
    /// What the hub promises to keep apart.
    pub sharing: Sharing,
    /// Whose credential it promises to use upstream.
    pub credentials: CredentialMode,
    /// Fingerprints of users' credentials, where they were declared: user, upstream, fingerprint.
    pub tokens: BTreeMap<String, BTreeMap<String, String>>,
    /// Fingerprints of the hub's own credentials, where they were declared, by upstream.
    pub service_tokens: BTreeMap<String, String>,
}

/// One exchange, with what was found out about it before its secrets were hidden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its number, counted from 1 in the order of the requests at all taps.
    pub exchange: u64,
    /// Who sent it, at the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// What the session id looks like that it gave out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// What passed, secrets hidden.
    #[serde(flatten)]
    pub seen: Seen,
}

/// How a recording ends that was not cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Exchanges in it.
    pub exchanges: u64,
    /// Exchanges that passed when there was no more room.
    pub unrecorded: u64,
}

/// A whole recording, or as far as it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// What was promised.
    pub head: Head,
    /// In the order of the requests.
    pub lines: Vec<Line>,
    /// How it ended; `None` where it was cut off.
    pub end: Option<End>,
}

/// Why a recording cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it, and what to do.
    pub message: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.message)
    }
}

/// Writes the first line.
///
/// # Errors
/// What writing says.
pub fn begin(out: &mut impl Write, head: &Head) -> io::Result<()> {
    line(out, head)
}

/// Writes an exchange.
///
/// # Errors
/// What writing says.
pub fn write(out: &mut impl Write, exchange: &Line) -> io::Result<()> {
    line(out, exchange)
}

/// Writes a whole recording in the place of the file, all at once.
///
/// # Errors
/// What the file system says.
pub fn replace(file: &Path, recording: &Recording) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut whole = tempfile::NamedTempFile::new_in(folder)?;
    let mut out = io::BufWriter::new(whole.as_file_mut());
    begin(&mut out, &recording.head)?;
    for exchange in &recording.lines {
        line(&mut out, exchange)?;
    }
    if let Some(end) = &recording.end {
        line(&mut out, &BTreeMap::from([("end", end)]))?;
    }
    out.flush()?;
    drop(out);
    // The umask decided over the file that was begun, and decides over this one.
    let permissions = fs::metadata(file)?.permissions();
    whole.as_file().set_permissions(permissions)?;
    whole.persist(file).map_err(|error| error.error)?;
    Ok(())
}

fn line(out: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    // In one piece: a reader who comes in between must find a whole line or none.
    let mut bytes = serde_json::to_vec(what)?;
    bytes.push(b'\n');
    out.write_all(&bytes)
}

/// Reads a recording.
///
/// # Errors
/// The first line that is none of a recording. A last line that was cut off is no error.
pub fn read(text: &str) -> Result<Recording, Broken> {
    let mut lines = text.split_inclusive('\n').enumerate().map(|(number, line)| (number + 1, line));
    let head = head(lines.next().map(|(_, line)| line).unwrap_or_default())?;
    let mut recording = Recording { head, lines: Vec::new(), end: None };
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |message: String| Broken { line: number, message };
        let value: Value = match serde_json::from_str(line.trim_end()) {
            Ok(value) => value,
            Err(_) if !line.ends_with('\n') => break,
            Err(error) => return Err(wrong(format!("this is no JSON: {}", without_line(&error)))),
        };
        if recording.end.is_some() {
            return Err(wrong("nothing comes after the line with the end; are these two recordings in one?".into()));
        }
        let kind = if value.get("end").is_some() { "an end" } else { "an exchange" };
        let taken = match value.get("end") {
            Some(end) => End::deserialize(end).map(|end| recording.end = Some(end)),
            None => Line::deserialize(&value).map(|line| recording.lines.push(line)),
        };
        taken.map_err(|error| wrong(format!("this is no line of {kind}: {error}")))?;
    }
    recording.lines.sort_by_key(|line| line.exchange);
    if let Some(twice) = recording.lines.windows(2).find(|pair| pair[0].exchange == pair[1].exchange) {
        let message = format!("exchange {} stands there twice; are these two recordings in one?", twice[0].exchange);
        return Err(Broken { line: 1, message });
    }
    Ok(recording)
}

/// What is wrong with a line of JSON, without its own count of lines.
fn without_line(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or_default();
    format!("{what}, at column {}", error.column())
}

fn head(line: &str) -> Result<Head, Broken> {
    let wrong = |message: String| Broken { line: 1, message };
    let none = "this is no recording of `crosstalk observe`";
    let value: Value =
        serde_json::from_str(line).map_err(|error| wrong(format!("{none}: {}", without_line(&error))))?;
    match value.get(KEY).map(Value::as_u64) {
        Some(Some(VERSION)) => {}
        Some(Some(version)) => {
            let message = format!("this is a recording in format {version}, and format {VERSION} is read here");
            return Err(wrong(format!("{message}; use the crosstalk that wrote it")));
        }
        _ => return Err(wrong(format!("{none}: it has no `{KEY}`"))),
    }
    Head::deserialize(&value).map_err(|error| wrong(format!("this is no first line of a recording: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::seen::{Body, Side};

    fn recording() -> Recording {
        let head = Head {
            version: VERSION,
            hub: "http://127.0.0.1:9000".into(),
            upstreams: BTreeMap::from([("db".into(), "http://127.0.0.1:9001".into())]),
            by: By::Header("x-user".into()),
            sharing: Sharing::PerUser,
            credentials: CredentialMode::Shared,
            tokens: BTreeMap::new(),
            service_tokens: BTreeMap::from([("db".into(), "redacted-1".into())]),
        };
        let line = |exchange, who: Option<&str>, side| Line {
            exchange,
            who: who.map(str::to_owned),
            shape: who.map(|_| Shape { length: 43, visible: true, alike_percent: 7 }),
            seen: Seen {
                opened: exchange,
                body: Body { bytes: b"{}".to_vec(), lost: 0 },
                ..Seen::asked(side, "POST", "/mcp")
            },
        };
        let lines = vec![line(1, Some("alice"), Side::Client), line(2, None, Side::Upstream("db".into()))];
        Recording { head, lines, end: Some(End { exchanges: 2, unrecorded: 0 }) }
    }

    fn written(recording: &Recording) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace.ndjson");
        fs::write(&file, "").unwrap();
        replace(&file, recording).unwrap();
        fs::read_to_string(file).unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(read(&written(&recording())), Ok(recording()));
    }

    #[test]
    fn a_recording_that_was_cut_off_anywhere_is_read_as_far_as_it_goes() {
        let text = written(&recording());
        let first = text.find('\n').unwrap() + 1;
        for end in first..text.len() - 1 {
            let read = read(&text[..end]).unwrap();
            let whole = text[first..end].matches('\n').count();
            // A last line may lack its line break alone.
            assert!((whole..=whole + 1).contains(&(read.lines.len() + usize::from(read.end.is_some()))), "{end}");
        }
    }

    #[test]
    fn what_is_broken_is_told_with_its_line() {
        let text = written(&recording());
        let (first, rest) = text.split_once('\n').unwrap();
        let cases = [
            ("nothing", String::new()),
            ("another file", "{\"facts\":{}}\n".to_owned()),
            ("another format", text.replacen(":1,", ":2,", 1)),
            ("half a head", text.replacen("\"sharing\"", "\"sharig\"", 1)),
            ("a broken line in the middle", format!("{first}\n{{\n{rest}")),
            ("a line of something else", format!("{first}\n{{\"event\":\"sent\"}}\n{rest}")),
            ("two in one", format!("{text}{rest}")),
            ("an exchange twice", text.replacen("\"exchange\":2", "\"exchange\":1", 1)),
        ];
        let told: Vec<String> =
            cases.iter().map(|(what, text)| format!("{what}: {}", read(text).unwrap_err())).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
