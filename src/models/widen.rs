//! Generators with more channels that begin as narrower ones: Net2WiderNet, Chen et al. 2016, "Net2Net", arXiv:1511.05641,
//! section 2.4, for R3GAN's generator.
//!
//! A new channel begins as a copy of an old one, and whatever reads a channel divides its weights among the copies, so the pictures
//! stay the same. Copies that were read alike would have equal gradients for ever and learn the same. So the shares differ at random,
//! as much as the weights do, and add up to the weight.

use crate::random::{Random, Stream};

/// First position of the numbers by which shares differ: behind those of the initial weights, which are counted by tensor.
const FIRST_POSITION: u64 = 1 << 32;

/// The values of a tensor `[out, in, ...]` for a network that has more channels: `from` and `to` are its shapes, of the same length.
/// Outputs `out` onwards repeat the first ones, and so do inputs. None if the shapes differ in anything else, or one shrinks.
///
/// Inputs are divided among copies as the tensor's own numbers of `seed` say: `index` is the tensor's number in the network. What has
/// no inputs, such as a bias, is copied. A convolution in groups has the inputs of a group, whose number stays, and copies whole groups.
pub fn widened(values: &[f32], from: &[usize], to: &[usize], seed: u64, index: u64) -> Option<Vec<f32>> {
    let (out, inputs, inner) = split(from)?;
    let (wide_out, wide_inputs, wide_inner) = split(to)?;
    let fits = from.len() == to.len()
        && wide_out >= out
        && wide_inputs >= inputs
        && wide_inner == inner
        && from.get(2..) == to.get(2..)
        && values.len() == out * inputs * inner
        && !values.is_empty();
    if !fits {
        return None;
    }
    let rms = (values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / values.len() as f64).sqrt() as f32;
    let mut random = Random::new(seed, Stream::Init, FIRST_POSITION + index);
    let mut wide = Vec::with_capacity(wide_out * wide_inputs * inner);
    for output in 0..wide_out {
        let row = &values[(output % out) * inputs * inner..][..inputs * inner];
        // In the order of the old inputs: the share of each copy, about their mean.
        let mut shares = vec![0.0; wide_inputs * inner];
        for input in 0..inputs {
            let copies: Vec<usize> = (input..wide_inputs).step_by(inputs).collect();
            for place in 0..inner {
                let value = row[input * inner + place];
                let count = copies.len() as f32;
                if copies.len() == 1 {
                    shares[input * inner + place] = value;
                    continue;
                }
                let noise = random.normals(copies.len());
                let mean = noise.iter().sum::<f32>() / count;
                for (copy, noise) in copies.iter().zip(noise) {
                    shares[copy * inner + place] = value / count + (noise - mean) * rms / count;
                }
            }
        }
        wide.extend(shares);
    }
    Some(wide)
}

/// Outputs, inputs, and values for each pair of them.
fn split(shape: &[usize]) -> Option<(usize, usize, usize)> {
    let (out, rest) = shape.split_first()?;
    match rest.split_first() {
        Some((inputs, inner)) => Some((*out, *inputs, inner.iter().product())),
        None => Some((*out, 1, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `weight` times `x`.
    fn product(weight: &[f32], x: &[f32]) -> Vec<f32> {
        weight.chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
    }

    #[test]
    fn a_wider_layer_gives_the_same_and_its_copies_are_read_differently() {
        let weight: Vec<f32> = (0..6).map(|value| value as f32 - 2.5).collect();
        let wide = widened(&weight, &[2, 3], &[3, 5], 1, 0).unwrap();
        let x = [1.0, -2.0, 0.5];
        let narrow = product(&weight, &x);
        let expected = [narrow[0], narrow[1], narrow[0]];
        for (got, want) in product(&wide, &[x[0], x[1], x[2], x[0], x[1]]).iter().zip(expected) {
            assert!((got - want).abs() < 1e-5, "{got} {want}");
        }
        assert_eq!([wide[2], wide[7]], [weight[2], weight[5]], "what has no copy stays");
        assert!((wide[0] - wide[3]).abs() > 1e-3 && (wide[0] - wide[10]).abs() > 1e-3);
        assert_ne!(wide, widened(&weight, &[2, 3], &[3, 5], 1, 1).unwrap());
        assert_eq!(wide, widened(&weight, &[2, 3], &[3, 5], 1, 0).unwrap());
    }

    #[test]
    fn what_has_no_new_inputs_is_copied() {
        assert_eq!(widened(&[1.0, 2.0], &[2], &[5], 1, 0).unwrap(), [1.0, 2.0, 1.0, 2.0, 1.0]);
        let kernel = widened(&[1.0, 2.0, 3.0, 4.0], &[2, 1, 1, 2], &[4, 1, 1, 2], 1, 0).unwrap();
        assert_eq!(kernel, [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn other_shapes_are_refused() {
        for to in [&[1, 3][..], &[2, 2], &[2, 3, 1], &[], &[2]] {
            assert!(widened(&[0.0; 6], &[2, 3], to, 1, 0).is_none(), "{to:?}");
        }
        assert!(widened(&[0.0; 18], &[2, 1, 3, 3], &[4, 1, 3, 2], 1, 0).is_none());
        assert!(widened(&[0.0; 17], &[2, 1, 3, 3], &[4, 1, 3, 3], 1, 0).is_none());
    }
}
