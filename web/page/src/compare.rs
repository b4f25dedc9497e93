//! Two kept runs side by side. The address says which: `#compare=ID,ID`.

use js_sys::ArrayBuffer;
use leptos::prelude::*;
use serde_json::Value;
use std::sync::Arc;
use whelp::config::RunConfig;
use whelp::data::Grid;
use whelp::fields::{Accepts, FIELDS, Field};
use whelp::kept_runs::{Course, KeptRun};
use whelp::series::{LOSS_D, LOSS_G, NIMG};
use whelp::session::Request;

use super::measures::{Measure, MeasuredLine, Source};
use super::replies::with_pixels;
use super::scores::ScoreHistory;
use super::store::Store;
use super::view::View;

/// Copied freely, as the store.
#[derive(Clone, Copy)]
pub struct Compare {
    /// The ids that the address names; empty where it names none.
    pub asked: RwSignal<[String; 2]>,
    /// What the worker has told of both runs.
    pub sides: [RwSignal<Option<Arc<Side>>>; 2],
    /// Where on their way both are looked at, in images seen; none for their newest pictures.
    pub at: RwSignal<Option<f64>>,
    /// The pictures of that moment.
    older: [RwSignal<Option<Arc<Older>>>; 2],
    /// What is read of each run: one moment at a time, however fast a slider moves.
    reading: StoredValue<[Option<(String, u64)>; 2]>,
}

/// What is compared of a run, beside what the list knows.
#[derive(Clone, Debug)]
pub struct Side {
    pub id: String,
    pub course: Course,
    /// When it drew the pictures that are kept of its way: the step, and about how many images it had seen by then.
    moments: Vec<(u64, f64)>,
    /// Its newest pictures, and the images that it had seen by then.
    grid: Grid,
    nimg: u64,
}

/// Pictures that a run drew on its way.
#[derive(Debug)]
struct Older {
    id: String,
    step: u64,
    nimg: u64,
    grid: Grid,
}

impl Compare {
    pub fn new() -> Self {
        let now = || pair_of(&window().location().hash().unwrap_or_default());
        let asked = RwSignal::new(now());
        // It lives as long as the page.
        let _ = window_event_listener_untyped("hashchange", move |_| asked.set(now()));
        let reading = StoredValue::default();
        Self { asked, sides: Default::default(), at: RwSignal::new(None), older: Default::default(), reading }
    }

    /// The moments of both runs, in images seen, where a slider may rest; none if there is but one.
    pub fn moments(self) -> Vec<f64> {
        let sides = self.sides.map(|side| side.get());
        let moments = sides.iter().flatten().flat_map(|side| &side.moments);
        let mut moments: Vec<f64> = moments.map(|(_, nimg)| *nimg).collect();
        moments.sort_by(f64::total_cmp);
        moments.dedup();
        if moments.len() < 2 { Vec::new() } else { moments }
    }

    /// The pictures of a run that are looked at, and the images that it had seen by then.
    pub fn with_pictures<T>(self, index: usize, show: impl FnOnce(Option<(&Grid, u64)>) -> T) -> T {
        let older = self.older[index].get().filter(|_| self.at.with(Option::is_some));
        self.sides[index].with(|side| {
            let Some(side) = side else { return show(None) };
            let older = older.as_ref().filter(|older| older.id == side.id);
            show(Some(older.map_or((&side.grid, side.nimg), |older| (&older.grid, older.nimg))))
        })
    }
}

/// When a run drew its pictures, with the images that it had seen by then, which its history tells.
fn with_images(moments: Vec<u64>, course: &Course, newest_nimg: u64) -> Vec<(u64, f64)> {
    let (steps, [nimg]) = course.history.columns([NIMG]);
    let points = steps.into_iter().zip(nimg).filter(|(_, nimg)| !nimg.is_nan());
    let points: Vec<(f64, f64)> = std::iter::once((0.0, 0.0)).chain(points).collect();
    let last = moments.last().copied();
    let seen = |step: u64| match value_at(&points, step as f64) {
        _ if Some(step) == last => newest_nimg as f64,
        nimg if nimg.is_nan() => newest_nimg as f64,
        nimg => nimg.round(),
    };
    moments.iter().map(|step| (*step, seen(*step))).collect()
}

/// The ids in an address.
fn pair_of(hash: &str) -> [String; 2] {
    let ids = hash.strip_prefix('#').and_then(|hash| hash.strip_prefix(View::Compare.id())?.strip_prefix('='));
    let (first, second) = ids.and_then(|ids| ids.split_once(',')).unwrap_or_default();
    [first.to_owned(), second.to_owned()]
}

/// Those that are asked for as far as they are kept, else the latest ones; none if there are no two.
fn chosen(asked: &[String; 2], runs: &[KeptRun]) -> Option<[KeptRun; 2]> {
    let of = |id: &String| runs.iter().find(|run| run.id == *id);
    let (first, second) = (of(&asked[0]), of(&asked[1]).filter(|_| asked[0] != asked[1]));
    let other = |than: Option<&KeptRun>| runs.iter().find(|run| than.is_none_or(|than| than.id != run.id));
    let first = first.or_else(|| other(second))?;
    let second = second.or_else(|| other(Some(first)))?;
    Some([first.clone(), second.clone()])
}

impl Store {
    /// The two runs that are compared.
    pub fn compared(self) -> Option<[KeptRun; 2]> {
        self.compare.asked.with(|asked| self.runs.with(|runs| chosen(asked, runs)))
    }

    /// Turns to the comparison of two runs. Without a second one, with the latest other.
    pub fn compare(self, first: &str, second: Option<&str>) {
        let other = self.runs.with_untracked(|runs| {
            let latest = runs.iter().find(|run| run.id != first).map(|run| run.id.clone());
            second.map(str::to_owned).or(latest)
        });
        // Fails for no address that begins with a hash.
        let hash = format!("{}={first},{}", View::Compare.id(), other.unwrap_or_default());
        let _ = window().location().set_hash(&hash);
    }

    /// Asks what a run measured.
    pub fn read_course(self, id: String) {
        self.post(&Request::ReadCourse { id }, None, None);
    }

    pub(super) fn take_course(self, id: String, mut side: Side, bytes: Option<ArrayBuffer>) {
        let Some(compared) = untrack(move || self.compared()) else { return };
        side.grid = with_pixels(side.grid, bytes);
        let side = Arc::new(side);
        for (run, signal) in compared.iter().zip(self.compare.sides) {
            if run.id == id {
                signal.set(Some(side.clone()));
            }
        }
        // The slider may have been moved before.
        self.read_moments();
    }

    /// Looks at both runs as they were after so many images; without a number, as they are.
    pub fn compare_at(self, at: Option<f64>) {
        self.compare.at.set(at);
        self.read_moments();
    }

    /// Asks for the pictures that are looked at and not there.
    fn read_moments(self) {
        let Compare { sides, at, older, reading, .. } = self.compare;
        let Some(at) = at.get_untracked() else { return };
        for index in 0..2 {
            let wanted = sides[index].with_untracked(|side| {
                let side = side.as_ref()?;
                Some((side.id.clone(), side.moment_at(at)?))
            });
            let Some((id, step)) = wanted else { continue };
            let is_there =
                older[index].with_untracked(|older| older.as_ref().is_some_and(|it| it.id == id && it.step == step));
            if !is_there && reading.with_value(|reading| reading[index].is_none()) {
                reading.update_value(|reading| reading[index] = Some((id.clone(), step)));
                self.post(&Request::ReadMoment { id, step }, None, None);
            }
        }
    }

    pub(super) fn take_moment(self, id: String, step: u64, nimg: u64, grid: Grid, bytes: Option<ArrayBuffer>) {
        let grid = with_pixels(grid, bytes);
        let Compare { sides, older, reading, .. } = self.compare;
        let taken = Arc::new(Older { id, step, nimg, grid });
        for index in 0..2 {
            let is_asked = |(id, step): &(String, u64)| *id == taken.id && *step == taken.step;
            if !reading.with_value(|reading| reading[index].as_ref().is_some_and(is_asked)) {
                continue;
            }
            reading.update_value(|reading| reading[index] = None);
            if taken.grid.count > 0 {
                older[index].set(Some(taken.clone()));
            } else {
                // It went to make room. Those before it may be there.
                sides[index].update(|side| {
                    side.iter_mut()
                        .for_each(|side| Arc::make_mut(side).moments.retain(|(step, _)| *step != taken.step));
                });
            }
        }
        self.read_moments();
    }

    /// Looks at the newest pictures of both runs, whatever is being read.
    pub(super) fn forget_moments(self) {
        self.compare.at.set(None);
        self.compare.reading.set_value(Default::default());
    }
}

/// A line of a chart: places along the axis, and the values there.
pub type Points = (Vec<f64>, Vec<f64>);

impl Side {
    pub fn new(id: String, course: Course, moments: Vec<u64>, nimg: u64, grid: Grid) -> Self {
        Self { id, moments: with_images(moments, &course, nimg), course, grid, nimg }
    }

    /// The newest of its moments that is not after so many images; the first if all are.
    fn moment_at(&self, at: f64) -> Option<u64> {
        let before = self.moments.iter().rfind(|(_, nimg)| *nimg <= at);
        before.or(self.moments.first()).map(|(step, _)| *step)
    }

    /// What it measured of a kind, by images seen: a line each.
    pub fn measured(&self, measure: &Measure) -> Vec<Points> {
        let scores = ScoreHistory::of(self.course.scores.clone());
        let mut columns = measure.columns(&self.course.history, &scores, true).into_iter();
        let places = columns.next().unwrap_or_default();
        columns.map(|values| (places.clone(), values)).collect()
    }

    /// The losses of both networks by images seen, the generator's first.
    pub fn losses(&self) -> [Points; 2] {
        let (_, [nimg, g, d]) = self.course.history.columns([NIMG, LOSS_G, LOSS_D]);
        [(nimg.clone(), g), (nimg, d)]
    }

    /// The Fréchet distance by images seen, and its name.
    pub fn scores(&self) -> Option<(String, Points)> {
        let scores = ScoreHistory::of(self.course.scores.clone());
        let name = scores.leading_name()?.to_owned();
        Some((name, scores.leading_by_images()))
    }

    /// Which score a line of a measure is here; none if it is no score, or there is none.
    pub fn score_name(&self, line: &MeasuredLine) -> Option<String> {
        let Source::Score(prefix) = line.source else { return None };
        ScoreHistory::of(self.course.scores.clone()).name_of(prefix).map(str::to_owned)
    }
}

/// Why two scores are no lines of one chart, in a sentence: they are not the same one.
pub fn incomparable(names: [Option<String>; 2]) -> Option<String> {
    let [Some(first), Some(second)] = names else { return None };
    (first != second).then(|| {
        format!("One run was scored by {first}, the other by {second}: they have nothing to do with each other.")
    })
}

/// Two lines over one axis: the places of both, and the value of each line there. Between its points a line is straight; before
/// its first and after its last it has no value, which is NaN.
pub fn merged(lines: [Points; 2]) -> Vec<Vec<f64>> {
    let lines = lines.map(|(places, values)| {
        let points = places.into_iter().zip(values);
        points.filter(|(place, value)| !place.is_nan() && !value.is_nan()).collect::<Vec<(f64, f64)>>()
    });
    let mut places: Vec<f64> = lines.iter().flatten().map(|(place, _)| *place).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let columns = lines.map(|points| places.iter().map(|place| value_at(&points, *place)).collect());
    std::iter::once(places.clone()).chain(columns).collect()
}

fn value_at(points: &[(f64, f64)], place: f64) -> f64 {
    let after = points.partition_point(|(at, _)| *at < place);
    match (after.checked_sub(1).and_then(|before| points.get(before)), points.get(after)) {
        (_, Some((at, value))) if *at == place => *value,
        (Some((from, first)), Some((to, last))) => first + (last - first) * (place - from) / (to - from),
        _ => f64::NAN,
    }
}

/// The settings of two runs that differ: the label, and both values in words.
pub fn differing(configs: [&RunConfig; 2]) -> Vec<(&'static str, [String; 2])> {
    let trees = configs.map(|config| serde_json::to_value(config).unwrap_or_default());
    let of = |field: &Field| trees.each_ref().map(|tree| tree.pointer(&field.pointer()));
    let differs = FIELDS.iter().filter(|field| {
        let [first, second] = of(field);
        first != second
    });
    differs.map(|field| (field.label, of(field).map(|value| in_words(field, value)))).collect()
}

fn in_words(field: &Field, value: Option<&Value>) -> String {
    match (field.accepts, value) {
        (_, None | Some(Value::Null)) => "none".to_owned(),
        (_, Some(Value::Bool(is_on))) => if *is_on { "on" } else { "off" }.to_owned(),
        (Accepts::Choice(choices), Some(Value::String(name))) => choices
            .iter()
            .find(|(known, _)| known == name)
            .map_or_else(|| name.clone(), |(_, words)| (*words).to_owned()),
        (_, Some(Value::String(text))) => text.clone(),
        // A length: {"kimg": 200}.
        (_, Some(Value::Object(entries))) => {
            entries.iter().map(|(unit, count)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
        }
        (_, Some(other)) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::MEASURES;
    use whelp::config::Length;
    use whelp::kept_runs::RunPictures;
    use whelp::protocol::Progress;
    use whelp::series::of_score;

    fn run(id: &str) -> KeptRun {
        KeptRun {
            id: id.to_owned(),
            name: id.to_owned(),
            config: RunConfig::default(),
            progress: Progress::default(),
            best: None,
            pictures: RunPictures::BuiltinDogs,
            saved_ms: 0,
            has_ended: true,
            bytes: 0,
            course_bytes: 0,
            favourites: Vec::new(),
            rounds: Vec::new(),
            has_best: false,
            thumbnail: Grid::default(),
        }
    }

    #[test]
    fn an_address_names_two_runs_and_what_is_not_kept_gives_way_to_the_latest() {
        let runs = ["a", "b", "c"].map(run);
        let of = |hash: &str| chosen(&pair_of(hash), &runs).map(|pair| pair.map(|run| run.id).concat());
        assert_eq!(of("#compare=c,a").as_deref(), Some("ca"));
        assert_eq!(of("#compare").as_deref(), Some("ab"));
        assert_eq!(of("#compare=b,gone").as_deref(), Some("ba"));
        assert_eq!(of("#compare=gone,a").as_deref(), Some("ba"));
        assert_eq!(of("#compare=c,c").as_deref(), Some("ca"));
        assert!(chosen(&pair_of("#compare=a,b"), &runs[..1]).is_none());
    }

    #[test]
    fn a_run_is_looked_at_as_it_was_after_so_many_images() {
        let mut course = Course::default();
        let mut told = whelp::series::StepSeries::default();
        (1..=10).for_each(|step| told.push(step, [(LOSS_D, 1.0)]));
        course.extend(&told, &Progress { step: 10, nimg: 40, ..Progress::default() }, 4);
        let side = Side::new("a".to_owned(), course, vec![0, 4, 8, 12], 48, Grid::default());
        assert_eq!(side.moments, [(0, 0.0), (4, 16.0), (8, 32.0), (12, 48.0)]);
        let at = [0.0, 15.0, 16.0, 47.0, 48.0, 1e9].map(|at| side.moment_at(at));
        assert_eq!(at, [0, 0, 4, 8, 12, 12].map(Some));
        let late = Side { moments: vec![(7, 28.0)], ..side.clone() };
        assert_eq!(late.moment_at(3.0), Some(7), "the first that there is");
        assert_eq!(Side { moments: Vec::new(), ..side }.moment_at(3.0), None);
    }

    #[test]
    fn lines_of_different_scores_are_not_compared() {
        let measure = MEASURES.iter().find(|measure| measure.id == "kid").unwrap();
        let side = |name: &str| {
            let mut course = Course::default();
            course.score(4, 16, &[(of_score(name), 0.5)].into());
            Side::new("a".to_owned(), course, Vec::new(), 16, Grid::default()).score_name(&measure.lines[0])
        };
        let [validation, training] = ["kid_c10_1k_val", "kid_c10_250_train"].map(side);
        assert_eq!(validation.as_deref(), Some("kid_c10_1k_val"));
        let reason = incomparable([validation.clone(), training]).unwrap();
        assert!(reason.contains("kid_c10_1k_val") && reason.contains("kid_c10_250_train"), "{reason}");
        assert_eq!(incomparable([validation.clone(), validation]), None);
        assert_eq!(incomparable([side("kid_c10_1k_val"), side("fd_c10_1k_val")]), None, "only one has it");
    }

    #[test]
    fn lines_of_other_places_share_an_axis() {
        let first = (vec![0.0, 10.0, 20.0], vec![1.0, 3.0, 5.0]);
        let second = (vec![5.0, f64::NAN, 15.0, 20.0, 25.0], vec![0.0, 9.0, 2.0, f64::NAN, 4.0]);
        let columns = merged([first, second]);
        assert_eq!(columns[0], [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]);
        assert_eq!(columns[1][..5], [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(columns[2][1..], [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert!(columns[1][5].is_nan() && columns[2][0].is_nan());
        assert_eq!(merged(Default::default()), vec![Vec::<f64>::new(); 3]);
    }

    #[test]
    fn settings_that_differ_are_told_by_their_labels_in_words() {
        let [first, mut second] = [RunConfig::default(), RunConfig::default()];
        assert!(differing([&first, &second]).is_empty());
        second.train.batch = 64;
        second.data.horizontal_flip = !first.data.horizontal_flip;
        second.train.length = Length::Steps(70);
        let rows = differing([&first, &second]);
        let values = |label: &str| {
            let row = rows.iter().find(|(found, _)| found.to_lowercase().contains(label));
            row.unwrap_or_else(|| panic!("no {label} in {rows:?}")).1.clone()
        };
        assert_eq!(values("batch"), [first.train.batch.to_string(), "64".to_owned()]);
        assert_eq!(values("length")[1], "70 steps");
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().any(|(_, [_, value])| value == "on" || value == "off"));
    }
}
