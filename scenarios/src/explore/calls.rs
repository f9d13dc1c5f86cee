//! The calls of a program that wait upstream: whose they are, under which id, and what their answers must be.

use super::{memory::Who, program::Id, script::Way};

/// A held call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) label: String,
    pub(super) who: Who,
    pub(super) way: Way,
    /// Of which of the client's sessions there.
    pub(super) generation: usize,
    pub(super) id: Option<Id>,
    /// Whether it leaves something behind.
    pub(super) writes: bool,
    /// What its answer must be, as YAML.
    pub(super) expect: String,
    pub(super) state: State,
    /// Whether its own client gave it up, after which nobody needs to let it go.
    pub(super) given_up: bool,
    /// Whether it stands at the gate upstream.
    parked: bool,
}

/// What its client still waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The answer.
    Waiting,
    /// Nothing any more, but the hub does not know: the id is taken.
    Unheard,
    /// Nothing; the id is free.
    Over,
}

/// All held calls, in the order in which they were made. A call is named by its place.
#[derive(Debug, Default)]
pub(super) struct Calls {
    all: Vec<Call>,
}

impl Calls {
    /// A call that is held from now on; its label.
    pub(super) fn hold(&mut self, who: Who, way: Way, generation: usize, id: Option<Id>) -> &mut Call {
        let label = label(self.all.len());
        self.all.push(Call {
            label,
            who,
            way,
            generation,
            id,
            writes: false,
            expect: String::new(),
            state: State::Waiting,
            given_up: false,
            parked: true,
        });
        let last = self.all.len() - 1;
        &mut self.all[last]
    }

    pub(super) fn get(&self, place: usize) -> &Call {
        &self.all[place]
    }

    /// Whether an id is in flight in a session.
    pub(super) fn taken(&self, who: Who, way: Way, generation: usize, id: Id) -> bool {
        let mut session =
            self.all.iter().filter(|call| call.who == who && call.way == way && call.generation == generation);
        session.any(|call| call.id == Some(id) && call.state != State::Over)
    }

    /// The place of one call at the gate, counted around; none where there is none.
    pub(super) fn one(&self, which: usize) -> Vec<usize> {
        let parked = self.parked();
        parked.get(which % parked.len().max(1)).copied().into_iter().collect()
    }

    /// All calls at the gate, beginning with one of them; backwards where `first` is odd.
    pub(super) fn all_from(&self, first: usize) -> Vec<usize> {
        let mut parked = self.parked();
        let start = first / 2 % parked.len().max(1);
        parked.rotate_left(start);
        if first % 2 == 1 {
            parked.reverse();
        }
        parked
    }

    /// Those at the gate that a file must let go.
    pub(super) fn owed(&self) -> Vec<usize> {
        self.parked().into_iter().filter(|place| !self.all[*place].given_up).collect()
    }

    fn parked(&self) -> Vec<usize> {
        (0..self.all.len()).filter(|place| self.all[*place].parked).collect()
    }

    /// Lets a call go; its label and what must come, where its client waits for it.
    pub(super) fn let_go(&mut self, place: usize) -> Option<(String, String)> {
        let call = &mut self.all[place];
        call.parked = false;
        let waited = call.state == State::Waiting;
        call.state = State::Over;
        waited.then(|| (call.label.clone(), call.expect.clone()))
    }

    /// One of the calls of which this holds, counted around.
    pub(super) fn pick(&mut self, which: usize, fits: impl Fn(&Call) -> bool) -> Option<&mut Call> {
        let mut fitting: Vec<&mut Call> = self.all.iter_mut().filter(|call| fits(call)).collect();
        match fitting.len() {
            0 => None,
            count => Some(fitting.swap_remove(which % count)),
        }
    }

    pub(super) fn any_in_flight(&self) -> bool {
        self.all.iter().any(|call| call.state != State::Over)
    }

    /// Whether one of these is in flight that leaves something behind.
    pub(super) fn owes_a_change(&self, which: impl Fn(&Call) -> bool) -> bool {
        self.all.iter().any(|call| call.state != State::Over && call.writes && which(call))
    }

    /// Ends calls without their answers; the labels of those whose clients wait.
    pub(super) fn fail(&mut self, which: impl Fn(&Call) -> bool) -> Vec<String> {
        let mut told = Vec::new();
        for call in self.all.iter_mut().filter(|call| call.state != State::Over && which(call)) {
            if call.state == State::Waiting {
                told.push(call.label.clone());
            }
            call.state = State::Over;
        }
        told
    }
}

/// `a` to `z`, then `a1` and so on.
fn label(number: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(number % 26).unwrap_or_default());
    match number / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}
