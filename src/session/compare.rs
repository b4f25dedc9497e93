//! Compares drawn pictures with those that are loaded: for people, who say which is which, and to find copies.

use std::rc::Rc;
use std::sync::Arc;

use super::serve::{Session, failed};
use super::transport::Transport;
use super::{About, Problem, Reply};
use crate::config::Resolution;
use crate::data::{Dataset, Grid, PictureLost, Split};
use crate::device::{DeviceError, OpenDevice};
use crate::features::FeatureNetwork;
use crate::metrics::{Closeness, Copies, Looks, MIN_CALIBRATION, closeness};
use crate::people::{HeldOut, real_pictures};
use crate::platform::yield_now;
use crate::protocol::FailureKind;
use crate::sample::Pictures;

/// The most real pictures that the limits of copies are found on. More would take longer, and say little more.
const MOST_CALIBRATION: usize = 400;

/// Pictures that are compared with the training's at once, so that messages and a run go on.
const AT_ONCE: usize = 16;

/// The most training pictures that are searched: each takes some kilobytes of memory.
const MOST_TRAINING: usize = 20_000;

/// The most pictures that one request compares.
const MOST_COMPARED: usize = 1024;

/// What is known of the loaded pictures.
#[derive(Debug)]
pub struct Searched {
    data: Arc<Dataset>,
    held_out: HeldOut,
    /// Numbers of those that were trained on.
    numbers: Vec<u32>,
    training: Looks,
    /// How close real pictures are to them, and whether those were held out.
    calibration: Vec<Closeness>,
    is_by_held_out: bool,
}

/// What drawn pictures come nearest to.
struct Compared {
    copies: Copies,
    /// Whether the loaded pictures are known to be those that the network was trained on.
    are_trainings: bool,
    /// The real ones of the closest pairs.
    grid: Grid,
}

impl<T: Transport> Session<T> {
    pub(super) async fn show_real(&self, id: u32, seed: u64, count: usize, size: Resolution, held_out: HeldOut) {
        let Some(data) = self.data.borrow().clone() else { return self.fail(About::Comparing, Problem::NoPictures) };
        let [width, height] = [size.width, size.height].map(|side| side.clamp(1, 1024));
        let (count, size) = (count.clamp(1, MOST_COMPARED), Resolution { width, height });
        let (pictures, is_held_out) = match real_pictures(&data, held_out, seed, count, size) {
            Ok(real) => real,
            Err(lost) => return self.fail(About::Comparing, unreadable(lost)),
        };
        let are_trainings = self.are_trainings(&data).await;
        let is_held_out = is_held_out && are_trainings;
        let mut grid = pictures.grid_of(1);
        let pixels = std::mem::take(&mut grid.pixels);
        self.transport.post(&Reply::Real { id, are_trainings, is_held_out, grid }, Some(pixels));
    }

    pub(super) async fn find_copies(self: Rc<Self>, id: u32, grid: Grid, held_out: HeldOut) {
        self.comparing.set(Some(id));
        match self.copies(id, grid, held_out).await {
            Ok(Some(Compared { copies, are_trainings, mut grid })) => {
                let pixels = std::mem::take(&mut grid.pixels);
                let reply = Reply::Copies { id, are_trainings, copies: Box::new(copies), grid };
                self.transport.post(&reply, Some(pixels));
            }
            // A newer request took its place.
            Ok(None) => {}
            Err(problem) => self.fail(About::Comparing, problem),
        }
    }

    async fn copies(&self, id: u32, grid: Grid, held_out: HeldOut) -> Result<Option<Compared>, Problem> {
        let size = grid.tile;
        let pictures = Pictures { resolution: size, channels: grid.channels, pixels: grid.pixels };
        let has_all = grid.channels == 1 || grid.channels == 3;
        if !has_all || pictures.pixels.len() != size.pixels() * grid.channels * grid.count || grid.count == 0 {
            let message = "the pictures to compare are not whole".to_owned();
            return Err(failed(FailureKind::Input, message));
        }
        let device = self.device.borrow().clone().ok_or(Problem::NoDevice)?;
        let data = self.data.borrow().clone().ok_or(Problem::NoPictures)?;
        let network = FeatureNetwork::Cifar10(self.judge(&device).await?);
        let are_trainings = self.are_trainings(&data).await;
        // Of other pictures none were held out.
        let held_out = if are_trainings { held_out } else { HeldOut { share: 0.0, ..held_out } };
        let Some(searched) = self.searched(id, data, held_out, &network, &device).await? else { return Ok(None) };
        let looks = look(&network, &pictures, &device).await?;
        let mut found = Vec::with_capacity(looks.len());
        for chunk in (0..looks.len() as u32).collect::<Vec<_>>().chunks(AT_ONCE) {
            found.extend(closeness(&looks.select(chunk), &searched.training, None));
            yield_now().await;
        }
        let Searched { data, numbers, training, calibration, is_by_held_out, .. } = &*searched;
        let copies = Copies::of(&found, training.len(), calibration, *is_by_held_out);
        let originals: Vec<u32> = copies.closest.iter().map(|pair| numbers[pair.training]).collect();
        let grid = Pictures::from_dataset(data, &originals).map_err(unreadable)?.in_colour_at(size).grid_of(1);
        Ok((self.comparing.get() == Some(id)).then_some(Compared { copies, are_trainings, grid }))
    }

    /// Looks at the loaded pictures once; none if a newer request took the place of this one.
    async fn searched(
        &self,
        id: u32,
        data: Arc<Dataset>,
        held_out: HeldOut,
        network: &FeatureNetwork,
        device: &OpenDevice,
    ) -> Result<Option<Rc<Searched>>, Problem> {
        let known = self.searched.borrow().clone();
        if let Some(known) = known.filter(|known| Arc::ptr_eq(&known.data, &data) && known.held_out == held_out) {
            return Ok(Some(known));
        }
        let Split { training: numbers, validation } = Split::new(data.len(), held_out.share, held_out.seed);
        if numbers.len() < 2 {
            return Err(failed(FailureKind::Input, "there are too few pictures to compare with".to_owned()));
        }
        let numbers = spread(&numbers, MOST_TRAINING);
        let is_by_held_out = validation.len() >= MIN_CALIBRATION;
        let others = if is_by_held_out { spread(&validation, MOST_CALIBRATION) } else { Vec::new() };
        let total = numbers.len() + others.len();
        let mut looked = [Looks::new(network.features()), Looks::new(network.features())];
        for (which, numbers) in [&numbers, &others].into_iter().enumerate() {
            for chunk in numbers.chunks(network.batch()) {
                let pictures = Pictures::from_dataset(&data, chunk).map_err(unreadable)?;
                let looks = look(network, &pictures, device).await?;
                looked[which].append(looks);
                let done = looked.iter().map(Looks::len).sum();
                self.post(Reply::Comparing { id, done, total });
                yield_now().await;
                if self.comparing.get() != Some(id) {
                    return Ok(None);
                }
            }
        }
        let [training, others] = looked;
        let mut calibration = Vec::new();
        let all = |looks: &Looks| (0..looks.len() as u32).collect::<Vec<u32>>();
        let asked = if is_by_held_out { all(&others) } else { spread(&all(&training), MOST_CALIBRATION) };
        for chunk in asked.chunks(AT_ONCE) {
            calibration.extend(match is_by_held_out {
                true => closeness(&others.select(chunk), &training, None),
                false => closeness(&training.select(chunk), &training, Some(chunk)),
            });
            yield_now().await;
        }
        let searched = Rc::new(Searched { data, held_out, numbers, training, calibration, is_by_held_out });
        // Others may have been loaded meanwhile, which these must not outlive.
        if self.data.borrow().as_ref().is_some_and(|data| Arc::ptr_eq(data, &searched.data)) {
            *self.searched.borrow_mut() = Some(searched.clone());
        }
        Ok(Some(searched))
    }
}

/// At most so many of `all`, as far from each other as possible: neighbours are often of one class.
fn spread(all: &[u32], most: usize) -> Vec<u32> {
    let count = all.len().min(most);
    // In 64 bits also where an address has 32.
    let at = |place: usize| (place as u64 * all.len() as u64 / count as u64) as usize;
    (0..count).map(|place| all[at(place)]).collect()
}

fn unreadable(lost: PictureLost) -> Problem {
    failed(FailureKind::Pictures, lost.to_string())
}

async fn look(network: &FeatureNetwork, pictures: &Pictures, device: &OpenDevice) -> Result<Looks, Problem> {
    let mut looks = Looks::new(network.features());
    looks.pixels.extend(pictures.thumbnails());
    let failed_to = |error: DeviceError| failed(error.kind(), error.to_string());
    looks.features.extend(network.look_at(pictures, &device.device).await.map_err(failed_to)?.features());
    Ok(looks)
}
