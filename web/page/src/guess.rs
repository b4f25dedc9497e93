//! "Real or drawn?": a round in which somebody says of each picture which it is.

use js_sys::{Date, Math};
use leptos::prelude::*;
use std::sync::Arc;
use whelp::data::Grid;
use whelp::latent::PictureSpec;
use whelp::people::{HeldOut, PICTURES, Round, order};
use whelp::session::{Request, RunAccess};

use super::play::{Drawn, Generator, Shown};
use super::store::Store;

/// How long a picture is seen in a brief round, in milliseconds.
pub const EXPOSURE_MS: u32 = 1000;

/// Where a round is.
#[derive(Clone, Debug)]
pub enum Guessing {
    Idle,
    /// Pictures are being drawn, then real ones chosen.
    Dealing,
    /// One after the other is asked about. For each that was: whether it was taken for drawn.
    Asking(Arc<Cards>, Vec<bool>),
    Done(Arc<Cards>, Vec<bool>),
}

/// The pictures of a round.
#[derive(Debug)]
pub struct Cards {
    drawn: Arc<Drawn>,
    real: Grid,
    are_trainings: bool,
    is_held_out: bool,
    /// Of the drawn ones and then the real ones: in which order they are shown.
    order: Vec<u32>,
    exposure_ms: Option<u32>,
}

impl Guessing {
    /// Whether a round is under way.
    pub fn is_on(&self) -> bool {
        matches!(self, Self::Dealing | Self::Asking(..))
    }
}

impl Cards {
    pub fn count(&self) -> usize {
        self.order.len()
    }

    fn is_drawn(&self, place: usize) -> bool {
        (self.order[place] as usize) < self.drawn.specs.len()
    }

    /// The picture at a place.
    fn picture(&self, place: usize) -> Option<Drawn> {
        let index = self.order[place] as usize;
        match index.checked_sub(self.drawn.specs.len()) {
            None => self.drawn.one(index),
            Some(real) => {
                let bytes = self.real.picture_bytes();
                let pixels = self.real.pixels.get(real * bytes..(real + 1) * bytes)?.to_vec();
                // Nobody draws it again.
                Some(Drawn { specs: Vec::new(), grid: Grid { count: 1, pixels, ..self.real.clone() }, nimg: 0 })
            }
        }
    }

    /// The drawn ones that were taken for real, or those that were not.
    pub fn drawn_that(&self, said: &[bool], fooled: bool) -> Option<Arc<Drawn>> {
        let is_one = |place: &usize| self.is_drawn(*place) && said[*place] != fooled;
        let pictures: Vec<Drawn> =
            (0..said.len()).filter(is_one).filter_map(|place| self.drawn.one(self.order[place] as usize)).collect();
        let first = pictures.first()?;
        let (specs, pixels) = (
            pictures.iter().flat_map(|picture| picture.specs.clone()).collect(),
            pictures.iter().flat_map(|picture| picture.grid.pixels.iter().copied()).collect(),
        );
        let grid = Grid { count: pictures.len(), pixels, ..first.grid.clone() };
        Some(Arc::new(Drawn { specs, grid, nimg: first.nimg }))
    }

    pub fn round(&self, said: &[bool]) -> Round {
        let answers: Vec<(bool, bool)> =
            said.iter().enumerate().map(|(place, said)| (self.is_drawn(place), *said)).collect();
        let about = Round {
            ended_ms: Date::now() as u64,
            nimg: self.drawn.nimg,
            exposure_ms: self.exposure_ms,
            held_out: self.is_held_out,
            drawn: 0,
            fooled: 0,
            real: 0,
            doubted: 0,
        };
        Round::of(&answers, about)
    }

    pub fn is_brief(&self) -> bool {
        self.exposure_ms.is_some()
    }

    /// Whose the real ones are, in a sentence.
    pub fn origin(&self) -> &'static str {
        match (self.are_trainings, self.is_held_out) {
            (true, true) => "The real ones were held out from the training.",
            (true, false) => "The real ones are among the training's pictures.",
            (false, _) => {
                "The real ones are of the loaded pictures, which are not known to be this network's, so the round is not counted."
            }
        }
    }
}

impl Store {
    /// Which of the loaded pictures were held out from the training of what draws.
    pub fn held_out(self) -> HeldOut {
        let of = |config: &whelp::config::RunConfig| HeldOut { share: config.data.validation, seed: config.seed };
        let opened = self.opened.with_untracked(|opened| opened.as_ref().map(|opened| of(&opened.config)));
        let running = || self.running.with_value(|config| config.as_ref().map(of));
        opened.or_else(running).unwrap_or(HeldOut { share: 0.0, seed: 0 })
    }

    /// Begins a round.
    pub fn begin_round(self) {
        let seed = (Math::random() * f64::from(u32::MAX)) as u64;
        self.play.guessing.set(Guessing::Dealing);
        self.play.rolls.set(false);
        self.play.shown.set(Shown::Guess);
        self.want(self.play.dealt, (0..PICTURES as u64 / 2).map(|index| PictureSpec::of_seed(seed, index)).collect());
    }

    /// Asks for the real pictures of a round once the others are drawn.
    pub fn deal_real(self, drawn: &Drawn) {
        if !matches!(self.play.guessing.get_untracked(), Guessing::Dealing) {
            return;
        }
        let id = self.play.new_id();
        self.play.wants_real.set_value(Some(id));
        let seed = (Math::random() * f64::from(u32::MAX)) as u64;
        let (count, size) = (drawn.specs.len(), drawn.grid.tile);
        self.post(&Request::ShowReal { id, seed, count, size, held_out: self.held_out() }, None, None);
    }

    pub(super) fn dealt_real(self, id: u32, [are_trainings, is_held_out]: [bool; 2], real: Grid) {
        let is_dealing = matches!(self.play.guessing.get_untracked(), Guessing::Dealing);
        if !is_dealing || self.play.wants_real.get_value() != Some(id) {
            return;
        }
        self.play.shown.set(Shown::Guess);
        let Some(drawn) = self.play.dealt.drawn.get_untracked() else { return };
        let order = order((Math::random() * f64::from(u32::MAX)) as u64, drawn.specs.len() + real.count);
        let exposure_ms = self.play.is_brief.get_untracked().then_some(EXPOSURE_MS);
        let cards = Cards { drawn, real, are_trainings, is_held_out, order, exposure_ms };
        self.play.guessing.set(Guessing::Asking(Arc::new(cards), Vec::new()));
    }

    /// What somebody takes the picture for.
    pub fn answer(self, is_drawn: bool) {
        let Guessing::Asking(cards, mut said) = self.play.guessing.get_untracked() else { return };
        said.push(is_drawn);
        if said.len() < cards.count() {
            return self.play.guessing.set(Guessing::Asking(cards, said));
        }
        if cards.are_trainings {
            let round = cards.round(&said);
            self.play.rounds.update(|rounds| rounds.push(round.clone()));
            if let Generator::Run(Some(id)) = untrack(move || self.generator()) {
                self.keep_round(id, round);
            }
        }
        self.play.guessing.set(Guessing::Done(cards, said));
        self.play.close();
    }

    pub(super) fn keep_round(self, id: String, round: Round) {
        if self.run_access.get_untracked() == Some(RunAccess::Keeps) {
            self.post(&Request::AddRound { id, round }, None, None);
        }
    }

    /// The picture that is asked about.
    pub fn asked_about(self) -> Option<Arc<Drawn>> {
        match self.play.guessing.get() {
            Guessing::Asking(cards, said) => cards.picture(said.len()).map(Arc::new),
            Guessing::Idle | Guessing::Dealing | Guessing::Done(..) => None,
        }
    }

    pub fn end_round(self) {
        self.play.wants_real.set_value(None);
        self.play.guessing.set(Guessing::Idle);
        self.play.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_is_shown_once_and_those_that_fooled_are_found() {
        let grid = |pixels: Vec<u8>| Grid { tile: 1.into(), columns: 1, count: 2, channels: 1, pixels };
        let specs = (0..2).map(|index| PictureSpec::of_seed(5, index)).collect();
        let drawn = Arc::new(Drawn { specs, grid: grid(vec![10, 11]), nimg: 7 });
        let (real, order) = (grid(vec![20, 21]), vec![2, 1, 0, 3]);
        let cards = Cards { drawn, real, are_trainings: true, is_held_out: true, order, exposure_ms: None };
        let shown: Vec<u8> = (0..4).map(|place| cards.picture(place).unwrap().grid.pixels[0]).collect();
        assert_eq!(shown, [20, 11, 10, 21]);
        let said = [true, false, true, false];
        let fooled = cards.drawn_that(&said, true).unwrap();
        assert_eq!((fooled.grid.pixels.as_slice(), fooled.grid.count, fooled.specs.len()), (&[11][..], 1, 1));
        assert_eq!(cards.drawn_that(&said, false).unwrap().grid.pixels, [10]);
        assert!(cards.drawn_that(&[true; 4], true).is_none());
    }
}
