//! Playing with a generator: what is asked of it, what it has drawn, favourites, films. The worker draws; it says nothing of
//! which network that is, so that is told here, by what the page knows.

use js_sys::{Math, Uint8Array};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::sync::Arc;
use web_sys::HtmlCanvasElement;
use whelp::config::Resolution;
use whelp::data::Grid;
use whelp::encode::{Export, Shape};
use whelp::kept_runs::MOST_FAVOURITES;
use whelp::latent::{Latent, PictureSpec, film};
use whelp::people::Round;
use whelp::session::{Request, RunAccess, SharedForm};

use super::copying::Copying;
use super::guess::Guessing;
use super::notices::Tone;
use super::snapshots::film as film_of;
use super::store::{Drawing, Phase, Store};
use super::view::View;
use super::{draw, files, format, video};

/// The most pictures of a grid.
pub const MOST_PICTURES: usize = 256;

/// Pictures of one request: small, so that a training goes on meanwhile.
const AT_ONCE: usize = 32;

/// Frames from one favourite to the next, and of a whole film.
const STEPS: usize = 24;
const MOST_FRAMES: usize = 240;

/// How long a frame of a film is seen, in hundredths of a second.
pub const FRAME_CS: u16 = 8;

/// Pictures around one.
const NEIGHBOURS: u64 = 8;

/// The place of the picture itself among its neighbours: in the middle of three rows of three.
pub const CENTRE: usize = 4;

/// The most frames of a film of the training.
const MOST_SNAPSHOTS: usize = 60;

/// Pictures that were drawn together, one below the other, and how to draw each of them again.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub specs: Vec<PictureSpec>,
    pub grid: Grid,
    /// Images that the network had been trained on.
    pub nimg: u64,
}

impl Drawn {
    /// One of them alone.
    pub fn one(&self, index: usize) -> Option<Self> {
        let bytes = self.grid.picture_bytes();
        let pixels = self.grid.pixels.get(index * bytes..(index + 1) * bytes)?.to_vec();
        let grid = Grid { count: 1, pixels, ..self.grid.clone() };
        Some(Self { specs: vec![self.specs.get(index)?.clone()], grid, nimg: self.nimg })
    }
}

/// Pictures that are asked for together, and shown when all of them are drawn.
#[derive(Clone, Copy)]
pub struct Sheet {
    pub drawn: RwSignal<Option<Arc<Drawn>>>,
    /// What is drawn so far of what is wanted.
    pub part: RwSignal<usize>,
    wanted: StoredValue<Vec<PictureSpec>>,
    /// The request that is under way, with what was wanted then and what of it is there.
    asked: StoredValue<Option<(u32, Drawn)>>,
}

impl Sheet {
    fn new() -> Self {
        Self {
            drawn: RwSignal::new(None),
            part: RwSignal::new(0),
            wanted: StoredValue::new(Vec::new()),
            asked: StoredValue::new(None),
        }
    }
}

/// What the stage shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Grid,
    Picture,
    Film,
    /// A picture of a round of guessing.
    Guess,
}

/// What a film is saved as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilmKind {
    Gif,
    /// MP4 or WebM, whichever the browser can encode.
    Video,
}

/// What draws.
#[derive(Clone, Debug, PartialEq)]
pub enum Generator {
    Starter,
    /// A checkpoint's file, by its name.
    File(String),
    /// A run, with its id once it is kept.
    Run(Option<String>),
}

/// Copied freely, as the store.
#[derive(Clone, Copy)]
pub struct Play {
    pub shown: RwSignal<Shown>,
    pub seed: RwSignal<u64>,
    pub count: RwSignal<usize>,
    /// The picture that is open, and how far its neighbours are.
    pub open: RwSignal<Option<PictureSpec>>,
    pub distance: RwSignal<f64>,
    pub favourites: RwSignal<Vec<PictureSpec>>,
    pub grid: Sheet,
    pub around: Sheet,
    pub liked: Sheet,
    pub film: Sheet,
    /// Pictures of a round of guessing, and those that copies are looked for among.
    pub dealt: Sheet,
    pub compared: Sheet,
    pub guessing: RwSignal<Guessing>,
    /// Whether the pictures of a round are shown for a moment only, and whether that is over.
    pub is_brief: RwSignal<bool>,
    pub is_hidden: RwSignal<bool>,
    /// Those of what draws.
    pub rounds: RwSignal<Vec<Round>>,
    pub copying: RwSignal<Copying>,
    pub frame: RwSignal<usize>,
    pub rolls: RwSignal<bool>,
    /// Whether a file is being made.
    pub makes: RwSignal<bool>,
    /// Pixels of a saved file for each pixel of a picture, in both directions.
    pub scale: RwSignal<usize>,
    /// What still draws although the page no longer shows it: the worker keeps a checkpoint open until a run starts.
    pub(super) left_open: RwSignal<Option<Generator>>,
    /// Requests that an answer is awaited to.
    pub(super) wants_real: StoredValue<Option<u32>>,
    pub(super) wants_copies: StoredValue<Option<u32>>,
    next: StoredValue<u32>,
}

impl Play {
    pub fn new() -> Self {
        Self {
            shown: RwSignal::new(Shown::Grid),
            seed: RwSignal::new(0),
            count: RwSignal::new(36),
            open: RwSignal::new(None),
            distance: RwSignal::new(0.2),
            favourites: RwSignal::new(Vec::new()),
            grid: Sheet::new(),
            around: Sheet::new(),
            liked: Sheet::new(),
            film: Sheet::new(),
            dealt: Sheet::new(),
            compared: Sheet::new(),
            guessing: RwSignal::new(Guessing::Idle),
            is_brief: RwSignal::new(false),
            is_hidden: RwSignal::new(false),
            rounds: RwSignal::new(Vec::new()),
            copying: RwSignal::new(Copying::Idle),
            frame: RwSignal::new(0),
            rolls: RwSignal::new(false),
            makes: RwSignal::new(false),
            scale: RwSignal::new(4),
            left_open: RwSignal::new(None),
            wants_real: StoredValue::new(None),
            wants_copies: StoredValue::new(None),
            next: StoredValue::new(0),
        }
    }

    fn sheets(self) -> [Sheet; 6] {
        [self.grid, self.around, self.liked, self.film, self.dealt, self.compared]
    }

    /// No answer comes any more: the worker failed, or was replaced.
    pub fn forget_asked(self) {
        self.makes.set(false);
        self.sheets().into_iter().for_each(|sheet| sheet.asked.set_value(None));
        self.forget_questions();
    }

    /// Neither a round nor a search for copies goes on.
    pub(super) fn forget_questions(self) {
        self.wants_real.set_value(None);
        self.wants_copies.set_value(None);
        self.copying.set(Copying::Idle);
        self.guessing.set(Guessing::Idle);
        if self.shown.get_untracked() == Shown::Guess {
            self.close();
        }
    }

    /// The number of a new request.
    pub(super) fn new_id(self) -> u32 {
        let id = self.next.get_value().wrapping_add(1);
        self.next.set_value(id);
        id
    }

    /// What the stage shows.
    pub fn on_stage(self) -> Option<Arc<Drawn>> {
        let one = |sheet: Sheet, index| sheet.drawn.with(|drawn| drawn.as_ref()?.one(index)).map(Arc::new);
        match self.shown.get() {
            Shown::Grid => self.grid.drawn.get(),
            Shown::Picture => one(self.around, CENTRE).or_else(|| one(self.around, 0)),
            Shown::Film => one(self.film, self.frame.get()),
            Shown::Guess => None,
        }
    }

    pub fn is_favourite(self, spec: &PictureSpec) -> bool {
        self.favourites.with(|favourites| favourites.contains(spec))
    }

    pub fn close(self) {
        self.shown.set(Shown::Grid);
        self.rolls.set(false);
    }

    pub fn step_film(self) {
        let frames = self.film.drawn.with_untracked(|drawn| drawn.as_ref().map_or(0, |drawn| drawn.specs.len()));
        self.frame.update(|frame| *frame = (*frame + 1) % frames.max(1));
    }
}

impl Store {
    /// What draws on request.
    pub fn generator(self) -> Generator {
        let opened = self.opened.with(|opened| opened.as_ref().map(|opened| (opened.run.clone(), opened.name.clone())));
        match opened {
            Some((Some(run), _)) => Generator::Run(Some(run)),
            Some((None, name)) => Generator::File(name),
            // A run that is being started draws nothing yet.
            None if self.phase.get() != Phase::Starting
                && (self.phase.get().is_active() || matches!(self.phase.get(), Phase::Finished(_))) =>
            {
                Generator::Run(self.current_run.get())
            }
            None => self.play.left_open.get().unwrap_or(Generator::Starter),
        }
    }

    /// Remembers what draws: the page is about to show it no longer, and the worker keeps it open until a run starts.
    pub(super) fn leave_open(self) {
        let left = untrack(move || self.generator());
        self.play.left_open.set(Some(left).filter(|left| *left != Generator::Starter));
    }

    /// Its name, in a sentence.
    pub fn generator_name(self) -> String {
        match self.generator() {
            Generator::Starter => "the starter network, which draws dogs".to_owned(),
            Generator::File(name) => name,
            Generator::Run(Some(id)) => {
                let name = self.runs.with(|runs| runs.iter().find(|run| run.id == id).map(|run| run.name.clone()));
                name.map_or_else(|| "this training".to_owned(), |name| format!("your run “{name}”"))
            }
            Generator::Run(None) => "this training".to_owned(),
        }
    }

    // Asking.

    /// Asks for the pictures of a seed, in a grid.
    pub fn draw_grid(self) {
        let Drawing { class, truncation_psi } = self.drawing.get();
        let (seed, count) = (self.play.seed.get(), self.play.count.get() as u64);
        let spec = |index| PictureSpec { latent: Latent::Seed { seed, index }, class, truncation_psi };
        self.want(self.play.grid, (0..count).map(spec).collect());
    }

    /// A seed that nobody chose.
    pub fn roll_dice(self) {
        self.play.close();
        self.play.seed.set((Math::random() * f64::from(u32::MAX)) as u64);
    }

    /// Shows a picture large, and draws those around it.
    pub fn open_picture(self, spec: PictureSpec) {
        self.play.rolls.set(false);
        self.play.open.set(Some(spec));
        self.play.shown.set(Shown::Picture);
        self.draw_around();
    }

    pub fn draw_around(self) {
        let Some(spec) = self.play.open.get_untracked() else { return };
        let mut around = spec.neighbours(NEIGHBOURS, self.play.distance.get_untracked()).unwrap_or_default();
        around.insert(CENTRE.min(around.len()), spec);
        self.want(self.play.around, around);
    }

    /// Opens the picture so many places on in the grid, where the open one is in it.
    pub fn open_next(self, places: isize) {
        let Some(open) = self.play.open.get_untracked() else { return };
        let next = self.play.grid.drawn.with_untracked(|drawn| {
            let specs = &drawn.as_ref()?.specs;
            let place = specs.iter().position(|spec| *spec == open)?.checked_add_signed(places)?;
            specs.get(place).cloned()
        });
        if let Some(spec) = next {
            self.open_picture(spec);
        }
    }

    /// Draws a film through the favourites, which then rolls.
    pub fn make_film(self, rolls: bool) {
        let stops = self.play.favourites.get_untracked();
        let steps = STEPS.min(MOST_FRAMES / stops.len().max(1)).max(1);
        self.play.film.drawn.set(None);
        self.play.frame.set(0);
        self.play.shown.set(Shown::Film);
        self.play.rolls.set(rolls);
        let frames = film(&stops, steps);
        if frames.len() < stops.len() * steps && stops.len() > 1 {
            let notice =
                "Some favourites were reached by walks that are too long to be mixed, so the film jumps between them.";
            self.notices.show(Tone::Info, notice, &[]);
        }
        self.want(self.play.film, frames);
    }

    /// Draws again what is in sight: the network has learnt since.
    pub(super) fn draw_newer(self) {
        if self.view.get_untracked() != View::Play {
            return;
        }
        let main = match self.play.shown.get_untracked() {
            Shown::Grid => self.play.grid,
            Shown::Picture => self.play.around,
            Shown::Film | Shown::Guess => return,
        };
        for sheet in [main, self.play.liked] {
            if sheet.asked.with_value(Option::is_none) {
                self.ask(sheet);
            }
        }
    }

    pub(super) fn want(self, sheet: Sheet, specs: Vec<PictureSpec>) {
        if specs.is_empty() {
            sheet.drawn.set(None);
        }
        sheet.wanted.set_value(specs);
        // One request at a time: while a slider moves, what is wanted by the time of the answer is asked next.
        if sheet.asked.with_value(Option::is_none) {
            self.ask(sheet);
        }
    }

    fn ask(self, sheet: Sheet) {
        let specs = sheet.wanted.get_value();
        sheet.part.set(0);
        self.ask_rest(sheet, Drawn { specs, grid: Grid::default(), nimg: 0 });
    }

    fn ask_rest(self, sheet: Sheet, drawn: Drawn) {
        let pictures: Vec<PictureSpec> = drawn.specs.iter().skip(drawn.grid.count).take(AT_ONCE).cloned().collect();
        if pictures.is_empty() {
            return;
        }
        let id = self.play.new_id();
        sheet.asked.set_value(Some((id, drawn)));
        self.post(&Request::Draw { id, pictures }, None, None);
    }

    // Answers.

    pub(super) fn drawn(self, id: u32, nimg: u64, new: Grid) {
        let is_its = |sheet: &Sheet| sheet.asked.with_value(|asked| asked.as_ref().is_some_and(|(its, _)| *its == id));
        let Some(sheet) = self.play.sheets().into_iter().find(is_its) else { return };
        let Some((_, mut drawn)) = sheet.asked.try_update_value(Option::take).flatten() else { return };
        let fits = (drawn.grid.tile, drawn.grid.channels) == (new.tile, new.channels);
        let is_wanted = sheet.wanted.with_value(|wanted| *wanted == drawn.specs);
        if drawn.grid.count > 0 && !fits {
            // Another network has taken over in between.
            return self.ask(sheet);
        }
        let count = drawn.grid.count + new.count;
        let mut pixels = std::mem::take(&mut drawn.grid.pixels);
        pixels.extend_from_slice(&new.pixels);
        drawn.grid = Grid { count, pixels, ..new };
        drawn.nimg = nimg;
        if count < drawn.specs.len() {
            if is_wanted {
                sheet.part.set(count);
                self.ask_rest(sheet, drawn);
            } else {
                self.ask(sheet);
            }
            return;
        }
        sheet.drawn.set(Some(Arc::new(drawn)));
        if !is_wanted {
            self.ask(sheet);
        }
    }

    // Favourites.

    /// Makes a picture a favourite, or no longer one.
    pub fn toggle_favourite(self, spec: &PictureSpec) {
        let is_full =
            self.play.favourites.with_untracked(|liked| liked.len() >= MOST_FAVOURITES && !liked.contains(spec));
        if is_full {
            let text = format!("There is room for {MOST_FAVOURITES} favourites. Remove one first.");
            return self.notices.show(Tone::Info, text, &[]);
        }
        self.play.favourites.update(|liked| match liked.iter().position(|known| known == spec) {
            Some(index) => drop(liked.remove(index)),
            None => liked.push(spec.clone()),
        });
        self.draw_favourites();
        if let Generator::Run(Some(id)) = untrack(move || self.generator()) {
            self.keep_favourites(id);
        }
    }

    fn draw_favourites(self) {
        self.want(self.play.liked, self.play.favourites.get_untracked());
    }

    fn keep_favourites(self, id: String) {
        let favourites = self.play.favourites.get_untracked();
        if self.run_access.get_untracked() == Some(RunAccess::Keeps) {
            self.post(&Request::FavourInRun { id, favourites }, None, None);
        }
    }

    /// Another network draws from now on.
    pub(super) fn turn_to(self, before: Option<&Generator>, now: &Generator) {
        match (before, now) {
            // A run is kept for the first time, and with it what was liked so far.
            // A run that was opened is another one.
            (Some(Generator::Run(None)), Generator::Run(Some(id))) if self.opened.with_untracked(Option::is_none) => {
                if self.play.favourites.with_untracked(|liked| !liked.is_empty()) {
                    self.keep_favourites(id.clone());
                }
                for round in self.play.rounds.get_untracked() {
                    self.keep_round(id.clone(), round);
                }
                return;
            }
            (_, Generator::Run(Some(id))) => {
                let (favourites, rounds) = self.run(id).map(|run| (run.favourites, run.rounds)).unwrap_or_default();
                self.play.favourites.set(favourites);
                self.play.rounds.set(rounds);
            }
            // The starter's favourites stay while the page looks for a device.
            (Some(before), now) if before == now => {}
            (_, Generator::Run(None) | Generator::File(_) | Generator::Starter) => {
                self.play.favourites.set(Vec::new());
                self.play.rounds.set(Vec::new());
            }
        }
        self.play.forget_questions();
        self.play.close();
        for sheet in self.play.sheets() {
            sheet.drawn.set(None);
        }
        self.draw_favourites();
    }

    /// Opens a kept run to play with it, without going on.
    pub fn play_with_run(self, id: String) {
        self.open_run(id);
        View::Play.show();
    }

    // Files.

    /// Saves what the stage shows as a PNG.
    pub fn save_picture(self, grid: &Grid, columns: usize, name: &str) {
        let name = format!("{name}.png");
        let offered = draw::enlarged(grid, columns, self.play.scale.get_untracked()).and_then(|canvas| {
            let offer = move |blob: Option<web_sys::Blob>| {
                if blob.is_none_or(|blob| files::offer(&blob, &name).is_err()) {
                    self.notices.show(Tone::Error, NOT_SAVED, &[]);
                }
            };
            to_blob(&canvas, offer)
        });
        if offered.is_err() {
            self.notices.show(Tone::Error, NOT_SAVED, &[]);
        }
    }

    /// Saves the film through the favourites.
    pub fn save_film(self, kind: FilmKind) {
        if let Some(film) = self.play.film.drawn.get_untracked() {
            self.export_film(kind, "whelp-film", shape_of_one(&film.grid), &film.grid.pixels);
        }
    }

    /// Saves the course of the training as a film.
    pub fn save_training(self, kind: FilmKind) {
        let shot = self.snapshots.with_untracked(|snapshots| {
            let frames = film_of(snapshots, MOST_SNAPSHOTS);
            let grid = &frames.last()?.grid;
            let shape = Shape { width: grid.width(), height: grid.height(), channels: grid.channels };
            Some((shape, frames.iter().flat_map(|frame| frame.grid.pixels.iter().copied()).collect::<Vec<u8>>()))
        });
        if let Some((shape, pixels)) = shot {
            self.export_film(kind, "whelp-training", shape, &pixels);
        }
    }

    fn export_film(self, kind: FilmKind, stem: &'static str, shape: Shape, pixels: &[u8]) {
        let scale = self.play.scale.get_untracked();
        match kind {
            FilmKind::Gif => {
                self.export(&format!("{stem}.gif"), Export::Gif { shape, scale, delay_cs: FRAME_CS }, pixels);
            }
            FilmKind::Video => {
                self.play.makes.set(true);
                let pixels = Uint8Array::from(pixels);
                spawn_local(async move {
                    let made = video::make(shape, scale, 10 * u32::from(FRAME_CS), pixels).await;
                    self.play.makes.set(false);
                    let offer = |film: web_sys::Blob| files::offer(&film, &format!("{stem}.{}", video::ending(&film)));
                    if made.and_then(offer).is_err() {
                        self.notices.show(Tone::Error, NO_VIDEO, &[]);
                    }
                });
            }
        }
    }

    /// Saves the favourites with a list of how to draw them again.
    pub fn save_favourites(self) {
        let Some(liked) = self.play.liked.drawn.get_untracked() else { return };
        let shape = shape_of_one(&liked.grid);
        let seen = format::full(liked.nimg);
        let generator = format!("{}, after {seen} pictures", untrack(move || self.generator_name()));
        let export = Export::Zip { shape, pictures: liked.specs.clone(), generator };
        self.export("whelp-favourites.zip", export, &liked.grid.pixels);
    }

    /// Makes a file of the generator and saves it.
    pub fn share(self, form: SharedForm) {
        self.play.makes.set(true);
        let form = match form {
            SharedForm::Card { .. } => SharedForm::Card { rounds: self.play.rounds.get_untracked() },
            SharedForm::Onnx | SharedForm::Html => form,
        };
        self.post(&Request::Share { form }, None, None);
    }

    fn export(self, name: &str, export: Export, pixels: &[u8]) {
        self.play.makes.set(true);
        let bytes = Uint8Array::from(pixels).buffer();
        self.post(&Request::Export { name: name.to_owned(), export }, Some(&bytes), None);
    }

    pub(super) fn exported(self, name: &str, blob: Option<web_sys::Blob>) {
        self.play.makes.set(false);
        if blob.is_none_or(|blob| files::offer(&blob, name).is_err()) {
            self.notices.show(Tone::Error, NOT_SAVED, &[]);
        }
    }
}

const NO_VIDEO: &str =
    "The browser did not make a video of this size. Choose a smaller one, or save the film as a GIF.";

const NOT_SAVED: &str = "The browser did not save the file. Allow downloads for this page, or choose a smaller size.";

/// Makes a PNG of a canvas.
pub fn to_blob(
    canvas: &HtmlCanvasElement,
    then: impl FnOnce(Option<web_sys::Blob>) + 'static,
) -> Result<(), wasm_bindgen::JsValue> {
    let then = wasm_bindgen::closure::Closure::once_into_js(then);
    canvas.to_blob(&wasm_bindgen::JsCast::unchecked_into(then))
}

/// A picture in words: of which seed it is, or that it lies between.
pub fn described(spec: &PictureSpec) -> String {
    let at = match &spec.latent {
        Latent::Seed { seed, index } => format!("picture {index} of seed {seed}"),
        Latent::Mix { .. } => format!("a mix of {} pictures", spec.latent.seeds()),
    };
    let truncation =
        if spec.truncation_psi < 1.0 { format!(", truncation {}", spec.truncation_psi) } else { String::new() };
    at + &truncation
}

/// The same, for the name of a file.
pub fn file_name(spec: &PictureSpec) -> String {
    match &spec.latent {
        Latent::Seed { seed, index } => format!("whelp-seed{seed}-{index}"),
        Latent::Mix { .. } => "whelp-mix".to_owned(),
    }
}

/// Size of each picture of a grid.
fn shape_of_one(grid: &Grid) -> Shape {
    let Resolution { width, height } = grid.tile;
    Shape { width, height, channels: grid.channels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_pictures_is_cut_out_whole() {
        let specs = (0..3).map(|index| PictureSpec::of_seed(1, index)).collect();
        let grid = Grid { tile: 2.into(), columns: 1, count: 3, channels: 1, pixels: (0..12).collect() };
        let drawn = Drawn { specs, grid, nimg: 9 };
        let one = drawn.one(1).unwrap();
        assert_eq!((one.grid.pixels.as_slice(), one.grid.count), (&[4, 5, 6, 7][..], 1));
        assert_eq!(one.specs, [PictureSpec::of_seed(1, 1)]);
        assert!(drawn.one(3).is_none());
    }

    #[test]
    fn a_picture_is_described_by_what_draws_it_again() {
        let spec = PictureSpec::of_seed(7, 3);
        assert_eq!(described(&spec), "picture 3 of seed 7");
        let other = PictureSpec { truncation_psi: 0.5, ..spec.clone() };
        assert_eq!(described(&other), "picture 3 of seed 7, truncation 0.5");
        assert_eq!(described(&spec.towards(&spec, 0.5)), "a mix of 2 pictures");
    }
}
