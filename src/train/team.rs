//! Training on several devices at once. Each has a trainer of its own with a part of every batch. Gradients are averaged
//! before the optimizers take them, so all networks stay the same, and they are those of one device with the whole batch.
//!
//! What burn offers decides how numbers are averaged. Its all-reduce ([`burn::tensor::distributed`]) runs on CUDA alone, by
//! NCCL; flex and wgpu have none (burn 0.22.1 panics there). On those, burn moves the tensors to the first device, which
//! averages them in the order of the devices, so that a repetition gives the same bits.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use burn::module::Module;
use burn::tensor::distributed::{ReduceOperation, all_reduce};
use burn::tensor::{Device, Tensor};

use super::{Adaptive, Batch, Ema, StepStats, Trainer};
use crate::device::DeviceError;
use crate::models::is_running_statistic;
use crate::random::Share;
use crate::weights;

/// The trainers on all devices but the first, each on a thread of its own. They make every step together with the first one.
///
/// A thread is what keeps a graphics device busy: a step hands it thousands of kernels.
#[derive(Debug)]
pub struct Team {
    peers: Vec<Peer>,
}

/// A trainer on another device.
#[derive(Debug)]
struct Peer {
    work: SyncSender<Work>,
    thread: Option<JoinHandle<()>>,
}

/// A step of a peer.
struct Work {
    batch: Batch,
    /// Chance of an alteration, which the first trainer adapts.
    augment_p: f64,
}

impl Team {
    /// Gives every other device a copy of `first`, whose next step has to be made by [`Team::step`]. `has_collectives`:
    /// whether burn averages numbers on these devices itself.
    ///
    /// # Errors
    /// [`DeviceError::Failed`] if the system refuses a thread.
    pub fn new(
        first: &mut Trainer,
        device: &Device,
        others: &[Device],
        has_collectives: bool,
    ) -> Result<Self, DeviceError> {
        let devices: Vec<Device> = std::iter::once(device).chain(others).cloned().collect();
        let way = |own: &Device| match has_collectives {
            true => Way::Collective(devices.clone()),
            false => Way::Transfers { first: device.clone(), own: own.clone() },
        };
        let (mut peers, mut seats) = (Vec::new(), Vec::new());
        for (index, other) in others.iter().enumerate() {
            let (give, from_peer) = sync_channel(1);
            let (to_peer, take) = sync_channel(1);
            seats.push((to_peer, from_peer));
            let member = Member { seat: Seat::Peer { give, take }, way: way(other), lost: None };
            let share = Share { index: index + 1, of: devices.len() };
            let mut trainer = first.copy_on(other, share, member);
            let (work, received) = sync_channel::<Work>(1);
            let serve = move || {
                for Work { batch, augment_p } in received {
                    trainer.adaptive = Adaptive { p: augment_p, mean_signs: Vec::new() };
                    trainer.step(batch);
                }
            };
            // Natively only, where a program has threads.
            let thread = thread::Builder::new().name(format!("device {}", index + 2)).spawn(serve);
            let thread = thread.map_err(|error| DeviceError::Failed { reason: error.to_string() })?;
            peers.push(Peer { work, thread: Some(thread) });
        }
        first.share = Share { index: 0, of: devices.len() };
        first.member = Some(Member { seat: Seat::First(seats), way: way(device), lost: None });
        Ok(Self { peers })
    }

    /// One step of all trainers, on the parts that [`Batches::next_shared`](super::Batches::next_shared) gives. What it
    /// measures is of the whole batch; logits are told by their mean.
    ///
    /// # Errors
    /// [`DeviceError`] if a device drops out. Nothing that `first` then holds may be used or saved.
    pub fn step(&mut self, first: &mut Trainer, batches: Vec<Batch>) -> Result<StepStats, DeviceError> {
        let mut batches = batches.into_iter();
        let own = batches.next().expect("there is a part for every device");
        for (index, batch) in batches.enumerate() {
            let peer = &self.peers[index];
            let work = Work { batch, augment_p: first.adaptive.p };
            if peer.work.send(work).is_err() {
                return Err(self.lost(index));
            }
        }
        let stats = first.step(own);
        match first.member.as_ref().and_then(|member| member.lost) {
            None => Ok(stats),
            Some(index) => Err(self.lost(index)),
        }
    }

    /// Ends the first peer in a step, by latents that no generator takes.
    #[cfg(all(test, feature = "flex"))]
    pub(crate) fn break_a_peer(&self) {
        let device = crate::device::cpu();
        let (real, z) = (Tensor::zeros([1, 3, 32, 32], &device), Tensor::zeros([1, 1], &device));
        self.peers[0].work.send(Work { batch: Batch { real, classes: None, z }, augment_p: 0.0 }).unwrap();
    }

    /// Why a peer no longer answers: what its thread ended with.
    fn lost(&mut self, index: usize) -> DeviceError {
        let (place, of) = (index + 2, self.peers.len() + 1);
        // It ends by itself: what it hands numbers over with is gone already.
        let ended = self.peers[index].thread.take().map(JoinHandle::join);
        let reason = ended.and_then(Result::err).map_or_else(String::new, |panic| format!(": {}", words(&*panic)));
        DeviceError::from_report(format!("device {place} of {of} dropped out of a step{reason}"))
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// A trainer's place among those that share a batch.
#[derive(Debug)]
pub(super) struct Member {
    seat: Seat,
    way: Way,
    /// The peer that has dropped out. From then on nothing is averaged, and the step is void.
    lost: Option<usize>,
}

/// Whom numbers are exchanged with. Nothing travels where the devices average by themselves: then it says that all are there.
#[derive(Debug)]
enum Seat {
    /// The first device: to and from each peer, in their order.
    First(Vec<(SyncSender<Part>, Receiver<Part>)>),
    /// Another one: to and from the first.
    Peer { give: SyncSender<Part>, take: Receiver<Part> },
}

/// What a device hands over.
type Part = Option<Tensor<1>>;

/// How numbers are averaged.
#[derive(Debug)]
enum Way {
    /// By burn's all-reduce over these devices.
    Collective(Vec<Device>),
    /// On the first device. Each peer moves its own numbers there and the mean back.
    Transfers { first: Device, own: Device },
}

impl Member {
    /// The means over all devices, each of the same length as what it is the mean of. Once a device has dropped out: the
    /// tensors as they are.
    fn means(&mut self, tensors: Vec<Tensor<1>>) -> Vec<Tensor<1>> {
        if self.lost.is_some() || tensors.is_empty() {
            return tensors;
        }
        // One exchange of many numbers costs less than many of few.
        let lengths: Vec<usize> = tensors.iter().map(|tensor| tensor.dims()[0]).collect();
        match self.mean(Tensor::cat(tensors.clone(), 0)) {
            Ok(mean) => mean.split_with_sizes(lengths, 0),
            Err(index) => {
                self.lost = Some(index);
                tensors
            }
        }
    }

    /// # Errors
    /// The peer that has dropped out; a peer itself counts as the first one where the first device has.
    fn mean(&self, own: Tensor<1>) -> Result<Tensor<1>, usize> {
        match (&self.way, &self.seat) {
            (Way::Collective(devices), seat) => {
                seat.meet()?;
                Ok(all_reduce(own, ReduceOperation::Mean, devices.clone()).resolve())
            }
            (Way::Transfers { .. }, Seat::First(peers)) => {
                let mut sum = own;
                for (index, (_, from)) in peers.iter().enumerate() {
                    sum = sum + from.recv().ok().flatten().ok_or(index)?;
                }
                let mean = sum / (peers.len() + 1) as f64;
                for (index, (to, _)) in peers.iter().enumerate() {
                    to.send(Some(mean.clone())).map_err(|_| index)?;
                }
                Ok(mean)
            }
            (Way::Transfers { first, own: device }, Seat::Peer { give, take }) => {
                give.send(Some(own.to_device(first))).map_err(|_| 0usize)?;
                Ok(take.recv().ok().flatten().ok_or(0usize)?.to_device(device))
            }
        }
    }
}

impl Seat {
    /// Waits until every device is there: one that is not would be waited for on the devices, for ever.
    ///
    /// # Errors
    /// As [`Member::mean`].
    fn meet(&self) -> Result<(), usize> {
        match self {
            Self::First(peers) => {
                for (index, (_, from)) in peers.iter().enumerate() {
                    from.recv().map_err(|_| index)?;
                }
                for (index, (to, _)) in peers.iter().enumerate() {
                    to.send(None).map_err(|_| index)?;
                }
                Ok(())
            }
            Self::Peer { give, take } => {
                give.send(None).map_err(|_| 0usize)?;
                take.recv().map(drop).map_err(|_| 0)
            }
        }
    }
}

impl Trainer {
    /// Averages the gradients of a network over the devices that share the batch, if several do.
    pub(super) fn share_gradients(&mut self, gradients: &mut BTreeMap<String, Tensor<1>>) {
        let Some(member) = &mut self.member else { return };
        let means = member.means(gradients.values().cloned().collect());
        gradients.values_mut().zip(means).for_each(|(gradient, mean)| *gradient = mean);
    }

    /// Averages over the devices, if several share the batch: what was measured, which becomes one number each, and batch norm's
    /// running statistics.
    pub(super) fn share_measures<'a>(&mut self, measured: impl IntoIterator<Item = &'a mut Tensor<1>>) {
        let Some(member) = &mut self.member else { return };
        let mut measured: Vec<&mut Tensor<1>> = measured.into_iter().collect();
        let statistics = |tensors: Vec<weights::DeviceTensor>| -> Vec<(String, Tensor<1>)> {
            let found = tensors.into_iter().filter(|tensor| is_running_statistic(&tensor.name));
            found.map(|tensor| (tensor.name, tensor.values)).collect()
        };
        let of_networks =
            [statistics(weights::collect(&self.generator)), statistics(weights::collect(&self.discriminator))];
        let of_step = measured.iter().map(|tensor| (**tensor).clone().mean());
        let all = of_step.chain(of_networks.iter().flatten().map(|(_, values)| values.clone()));
        let mut means = member.means(all.collect()).into_iter();
        measured.iter_mut().zip(&mut means).for_each(|(measured, mean)| **measured = mean);
        let [generator, discriminator] = of_networks.map(|statistics| {
            statistics.into_iter().zip(&mut means).map(|((name, _), mean)| (name, mean)).collect::<BTreeMap<_, _>>()
        });
        if !generator.is_empty() {
            self.generator = weights::replace(self.generator.clone(), |name, _, _| generator.get(name).cloned());
        }
        if !discriminator.is_empty() {
            self.discriminator =
                weights::replace(self.discriminator.clone(), |name, _, _| discriminator.get(name).cloned());
        }
    }

    /// The same networks and optimizers on another device, for its share of the batches. The average stays as it is: nobody draws
    /// with it there.
    fn copy_on(&self, device: &Device, share: Share, member: Member) -> Self {
        let generator = copy_on(&self.generator, device);
        Self {
            generator_ema: Ema::new(&generator),
            generator,
            discriminator: copy_on(&self.discriminator, device),
            generator_adam: self.generator_adam.on(device),
            discriminator_adam: self.discriminator_adam.on(device),
            adaptive: Adaptive { p: self.adaptive.p, mean_signs: Vec::new() },
            config: self.config.clone(),
            step: self.step,
            nimg: self.nimg,
            share,
            member: Some(member),
        }
    }
}

/// A network on another device, which shares nothing with this one.
fn copy_on<M: Module>(network: &M, device: &Device) -> M {
    network.valid().to_device(&device.clone().inner()).train()
}

#[cfg(all(test, feature = "flex"))]
mod tests;
