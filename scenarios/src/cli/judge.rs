//! `crosstalk judge`: a recording of real traffic, judged again.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    args::Color,
    commands::{Stop, style},
    patient::Patient,
};
use crate::{
    observe::{draft, judged::Judged, recording},
    report::{observed, tally::exit},
};

/// How to judge.
#[derive(Debug, Clone, Args)]
pub struct JudgeArgs {
    /// A recording that `crosstalk observe` wrote.
    recording: PathBuf,
    /// What is made of it.
    #[command(flatten)]
    telling: Telling,
}

/// What is made of a recording.
#[derive(Debug, Clone, Args)]
pub(super) struct Telling {
    /// Writes a scenario file of the calls that show the first finding, `group/name.yaml`.
    #[arg(long, value_name = "FILE")]
    draft: Option<PathBuf>,
    /// Colors.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

impl Telling {
    /// Whether it can be followed, before anything is done.
    pub(super) fn check(&self) -> Result<(), Stop> {
        let Some(file) = &self.draft else { return Ok(()) };
        let (shown, name) = (file.display(), draft::id(file));
        if name.is_none() {
            let help = "a scenario is called what its folder and file are called: `leaks/first.yaml`, in lower case";
            return Err(Stop::usage(format!("no scenario can stand in {shown}; {help}")));
        }
        if file.exists() {
            return Err(Stop::usage(format!("{shown} is there already; name another with `--draft`")));
        }
        Ok(())
    }

    /// Writes the draft, where one is wanted and can be made; what is to be said of it.
    fn draft(&self, judged: &Judged) -> io::Result<Option<String>> {
        let Some((file, id)) = self.draft.as_ref().and_then(|file| Some((file, draft::id(file)?))) else {
            return Ok(None);
        };
        let Some(text) = draft::draft(judged, &id) else {
            return Ok(Some("nothing: no client asked for anything that a scenario can say".to_owned()));
        };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, text)?;
        Ok(Some(format!("{}   play it: crosstalk run {}", file.display(), file.display())))
    }
}

/// Judges a recording; the exit code.
pub(super) fn judge(args: &JudgeArgs) -> Result<u8, Stop> {
    args.telling.check()?;
    file(&args.recording, &args.telling)
}

/// Judges a recording in a file, and says what there is to say.
pub(super) fn file(path: &Path, telling: &Telling) -> Result<u8, Stop> {
    let name = path.display().to_string();
    let text = fs::read(path).map_err(|error| Stop::usage(format!("{name}: {error}")))?;
    let recording = recording::read(&String::from_utf8_lossy(&text))
        .map_err(|broken| Stop(exit::INVALID, format!("crosstalk: {name}:{broken}")))?;
    let judged = Judged::of(&recording);
    let drafted = telling.draft(&judged).map_err(|error| Stop::usage(format!("the draft: {error}")))?;
    let mut out = Patient::new(io::stdout().lock());
    observed::write(&mut out, &judged, &recording.head, &name, drafted.as_deref(), style(telling.color))?;
    out.flush()?;
    Ok(observed::code(&judged))
}
