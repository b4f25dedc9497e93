//! Places in the space of latents that pictures are drawn from: one by its seed, one between others, a walk, a film.

use serde::{Deserialize, Serialize};

use crate::random::{Random, Stream};

/// Where a picture is drawn from: a place in the latent space, z.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latent {
    /// The latents of one picture of a seed, as `whelp generate --seed` numbers them from 0.
    Seed {
        /// The seed.
        seed: u64,
        /// Which of its pictures.
        index: u64,
    },
    /// On the way from one place to another, along the arc between them (spherical interpolation: White 2016,
    /// arXiv:1609.04468). The length of latents changes evenly on the way, so pictures in between are no less typical.
    Mix {
        /// The place at 0.
        from: Box<Latent>,
        /// The place at 1.
        to: Box<Latent>,
        /// How far it is on the way.
        at: f64,
    },
}

/// What is needed to draw one picture again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PictureSpec {
    /// Where it is drawn from.
    pub latent: Latent,
    /// Its class; none: the picture's number in its seed chooses one. A generator without classes ignores it.
    pub class: Option<u32>,
    /// Scale of the latents: 1 leaves them standard normal; smaller values give a more typical picture.
    pub truncation_psi: f64,
}

/// Below this sine the arc between two latents has no direction that could be told from rounding.
const LEAST_SINE: f64 = 1e-6;

/// The seed that a walk's directions come from, far from those that people choose.
const DIRECTIONS: u64 = 1 << 40;

impl Latent {
    /// The most seeds that a place may be made of. Every mix adds those of its ends.
    pub const MOST_SEEDS: usize = 32;

    /// The place on the way to `other`.
    pub fn towards(&self, other: &Self, at: f64) -> Self {
        Self::Mix { from: Box::new(self.clone()), to: Box::new(other.clone()), at }
    }

    /// How many seeds it is made of.
    pub fn seeds(&self) -> usize {
        match self {
            Self::Seed { .. } => 1,
            Self::Mix { from, to, .. } => from.seeds().saturating_add(to.seeds()),
        }
    }

    /// The number that chooses a class where nobody does: that of the nearest end.
    pub fn index(&self) -> u64 {
        match self {
            Self::Seed { index, .. } => *index,
            Self::Mix { from, to, at } => if *at < 0.5 { from } else { to }.index(),
        }
    }

    /// Its `length` numbers. They are the same bits in the browser and natively.
    pub fn values(&self, length: usize) -> Vec<f32> {
        match self {
            Self::Seed { seed, index } => Random::new(*seed, Stream::Samples, *index).normals(length),
            Self::Mix { from, to, at } => slerp(&from.values(length), &to.values(length), *at),
        }
    }
}

/// `sin((1 - t) ω) / sin ω · a + sin(t ω) / sin ω · b` with ω the angle between `a` and `b`. Both ends are exact.
fn slerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    let cosine = if lengths > 0.0 { (dot(a, b) / lengths).clamp(-1.0, 1.0) } else { 1.0 };
    let angle = libm::acos(cosine);
    let sine = libm::sin(angle);
    // libm as in `Random::normals`: the same bits everywhere.
    let (of_a, of_b) = match sine > LEAST_SINE {
        true => (libm::sin((1.0 - t) * angle) / sine, libm::sin(t * angle) / sine),
        false => (1.0 - t, t),
    };
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) * of_a + f64::from(*b) * of_b) as f32).collect()
}

impl PictureSpec {
    /// One picture of a seed, of the class that is its turn, untruncated.
    pub fn of_seed(seed: u64, index: u64) -> Self {
        Self { latent: Latent::Seed { seed, index }, class: None, truncation_psi: 1.0 }
    }

    /// Whether it can be drawn: it is made of not too many seeds, and its numbers are finite.
    pub fn is_drawable(&self) -> bool {
        fn is_finite(latent: &Latent) -> bool {
            match latent {
                Latent::Seed { .. } => true,
                Latent::Mix { from, to, at } => at.is_finite() && is_finite(from) && is_finite(to),
            }
        }
        self.latent.seeds() <= Latent::MOST_SEEDS && self.truncation_psi.is_finite() && is_finite(&self.latent)
    }

    /// The picture on the way to `other`. Its class is that of the nearer one.
    pub fn towards(&self, other: &Self, at: f64) -> Self {
        Self {
            latent: self.latent.towards(&other.latent, at),
            class: if at < 0.5 { self.class } else { other.class },
            truncation_psi: self.truncation_psi + (other.truncation_psi - self.truncation_psi) * at,
        }
    }

    /// `count` pictures around this one, each so far on the way to a picture of its own. None once it is made of too many seeds.
    ///
    /// The directions change with every step of a walk, so that it leads everywhere.
    pub fn neighbours(&self, count: u64, at: f64) -> Option<Vec<Self>> {
        let seed = DIRECTIONS + self.latent.seeds() as u64;
        let step = |index| {
            let latent = self.latent.towards(&Latent::Seed { seed, index }, at);
            Self { latent, ..self.clone() }
        };
        (self.latent.seeds() < Latent::MOST_SEEDS).then(|| (0..count).map(step).collect())
    }
}

/// The pictures of a film that begins with the first of `stops`, visits the others in their order, and comes back: `steps` from
/// each to the next. The last frame is one step before the first, so that a repetition does not stand still. Mixes of more seeds than
/// can be drawn are left out.
pub fn film(stops: &[PictureSpec], steps: usize) -> Vec<PictureSpec> {
    if let [only] = stops {
        return vec![only.clone()];
    }
    let next = stops.iter().cycle().skip(1);
    let way = |(from, to): (&PictureSpec, &PictureSpec)| {
        let frame = |step| if step == 0 { from.clone() } else { from.towards(to, step as f64 / steps as f64) };
        (0..steps).map(frame).collect::<Vec<_>>()
    };
    stops.iter().zip(next).flat_map(way).filter(PictureSpec::is_drawable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(values: &[f32]) -> f64 {
        values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn a_mix_begins_and_ends_exactly_and_keeps_the_length_of_latents() {
        let [a, b] = [0, 1].map(|index| Latent::Seed { seed: 7, index });
        let values = |at| a.towards(&b, at).values(512);
        assert_eq!(values(0.0), a.values(512));
        assert_eq!(values(1.0), b.values(512));
        let (shorter, longer) = (length(&a.values(512)), length(&b.values(512)));
        let least = shorter.min(longer);
        for at in [0.1, 0.25, 0.5, 0.9] {
            // A straight line would be shorter by up to a factor of the square root of 2.
            assert!(length(&values(at)) > 0.99 * least, "at {at}: {}", length(&values(at)));
        }
    }

    /// Worked out by hand: the angle between (1, 0) and (0, 2) is a right one, so half-way both have the weight sin 45°.
    #[test]
    fn the_arc_between_perpendicular_latents_is_a_quarter_of_a_circle() {
        let half = slerp(&[1.0, 0.0], &[0.0, 2.0], 0.5);
        assert!((half[0] - 0.707_106_77).abs() < 1e-7 && (half[1] - std::f32::consts::SQRT_2).abs() < 1e-6, "{half:?}");
        // Nowhere to turn: a straight line.
        assert_eq!(slerp(&[1.0, 0.0], &[3.0, 0.0], 0.5), [2.0, 0.0]);
        assert_eq!(slerp(&[0.0, 0.0], &[0.0, 2.0], 0.25), [0.0, 0.5]);
    }

    #[test]
    fn a_film_stops_at_every_picture_once_and_comes_back() {
        let stops: Vec<PictureSpec> = (0..3).map(|index| PictureSpec::of_seed(1, index)).collect();
        let frames = film(&stops, 4);
        assert_eq!(frames.len(), 12);
        for (index, stop) in stops.iter().enumerate() {
            assert_eq!(frames[4 * index], *stop);
        }
        assert_eq!(frames[11], stops[2].towards(&stops[0], 0.75));
        assert_eq!(film(&stops[..1], 4), stops[..1]);
        assert!(film(&[], 4).is_empty());
    }

    #[test]
    fn classes_change_half_way_and_truncation_evenly() {
        let a = PictureSpec { class: Some(2), ..PictureSpec::of_seed(1, 4) };
        let b = PictureSpec { truncation_psi: 0.5, ..PictureSpec::of_seed(1, 9) };
        let mixes = [0.25, 0.75].map(|at| a.towards(&b, at));
        assert_eq!(mixes.clone().map(|mix| (mix.class, mix.truncation_psi)), [(Some(2), 0.875), (None, 0.625)]);
        assert_eq!(mixes.map(|mix| mix.latent.index()), [4, 9]);
    }

    #[test]
    fn a_walk_takes_other_directions_at_every_step_and_ends_before_it_is_too_long() {
        let start = PictureSpec::of_seed(3, 0);
        let near = start.neighbours(8, 0.2).unwrap();
        assert_eq!(near.len(), 8);
        let further = near[0].neighbours(8, 0.2).unwrap();
        let direction = |spec: &PictureSpec| match &spec.latent {
            Latent::Mix { to, .. } => (**to).clone(),
            Latent::Seed { .. } => unreachable!("a neighbour is on the way to somewhere"),
        };
        assert!(further.iter().all(|spec| direction(spec) != direction(&near[0])));
        let mut here = start;
        let mut steps = 0;
        while let Some(mut next) = here.neighbours(1, 0.2) {
            here = next.remove(0);
            steps += 1;
        }
        assert_eq!(steps + 1, Latent::MOST_SEEDS);
        assert!(here.is_drawable() && !here.towards(&here, 0.5).is_drawable());
        // The deepest place there can be survives its JSON, whose readers limit how deep it may be.
        let json = serde_json::to_string(&vec![here.clone()]).unwrap();
        assert_eq!(serde_json::from_str::<Vec<PictureSpec>>(&json).unwrap(), [here]);
    }

    #[test]
    fn numbers_that_are_none_are_not_drawn() {
        let spec = PictureSpec::of_seed(1, 0);
        assert!(spec.is_drawable());
        assert!(!spec.towards(&spec, f64::NAN).is_drawable());
        assert!(!PictureSpec { truncation_psi: f64::INFINITY, ..spec }.is_drawable());
    }
}
