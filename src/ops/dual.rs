//! Forward-mode differentiation: a value together with its directional derivative for one direction of the network's
//! input.
//!
//! burn differentiates once, but the gradient of a penalty on an input gradient needs it twice. With `v = ∇ₓD(x)` held
//! fixed, `∇_θ ½‖∇ₓD(x)‖² = ∇_θ (D'(x)[v])`. The directional derivative `D'(x)[v]` is a forward pass of (value,
//! tangent) pairs, and burn differentiates that as any other forward pass (Pearlmutter 1994, "Fast exact multiplication
//! by the Hessian").

use std::ops::Add;

use burn::tensor::Tensor;

use super::leaky_relu_tangent;

/// A tensor, with its tangent of the same shape while a directional derivative is computed.
#[derive(Clone, Debug)]
pub struct Dual<const D: usize> {
    /// The value that the network computes.
    pub value: Tensor<D>,
    /// The directional derivative of `value`, or `None` in an ordinary pass.
    pub tangent: Option<Tensor<D>>,
}

impl<const D: usize> From<Tensor<D>> for Dual<D> {
    fn from(value: Tensor<D>) -> Self {
        Self { value, tangent: None }
    }
}

impl<const D: usize> Add for Dual<D> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let tangent = self.tangent.zip(other.tangent).map(|(a, b)| a + b);
        Self { value: self.value + other.value, tangent }
    }
}

impl<const D: usize> Dual<D> {
    /// `value` with the direction `tangent`, of the same shape.
    pub fn moving(value: Tensor<D>, tangent: Tensor<D>) -> Self {
        Self { value, tangent: Some(tangent) }
    }

    /// Applies a linear map. It is its own derivative, so it maps the tangent too.
    pub fn linear<const E: usize>(self, map: impl Fn(Tensor<D>) -> Tensor<E>) -> Dual<E> {
        Dual { value: map(self.value), tangent: self.tangent.map(map) }
    }

    /// Applies a linear map, then adds a constant, whose derivative is 0.
    pub fn affine<const E: usize>(
        self,
        map: impl Fn(Tensor<D>) -> Tensor<E>,
        constant: impl FnOnce(Tensor<E>) -> Tensor<E>,
    ) -> Dual<E> {
        let Dual { value, tangent } = self.linear(map);
        Dual { value: constant(value), tangent }
    }

    /// LeakyReLU: `x` where x > 0, else `slope x`. The tangent is multiplied by the slope at the value.
    pub fn leaky_relu(self, slope: f32) -> Self {
        let tangent = self.tangent.map(|tangent| leaky_relu_tangent(tangent, self.value.clone(), slope));
        // The value is its own derivative along itself: a LeakyReLU multiplies both by the same slope.
        Self { value: leaky_relu_tangent(self.value.clone(), self.value, slope), tangent }
    }
}

impl Dual<4> {
    /// Minibatch standard deviation: adds a constant map that says how varied the batch is. It holds the standard
    /// deviation of each value over the batch, averaged over all channels and pixels.
    ///
    /// # Shapes
    /// - `self`: `[batch, channels, height, width]`
    /// - returns: `[batch, channels + 1, height, width]`
    ///
    /// Source: Karras et al. 2018, arXiv:1710.10196, section 3, with the whole batch as one group.
    pub fn with_minibatch_stddev(self) -> Self {
        const EPSILON: f64 = 1e-8;
        let [batch, _, height, width] = self.value.dims();
        let spread = |statistic: Tensor<4>| statistic.mean().reshape([1, 1, 1, 1]).expand([batch, 1, height, width]);
        let centred = self.value.clone() - self.value.clone().mean_dim(0);
        let deviation = (centred.clone().square().mean_dim(0) + EPSILON).sqrt();
        // d√(mean c²) = mean(c ċ) / √(mean c²). The tangent needs no centring, because the c add up to 0.
        let tangent = self.tangent.map(|tangent| {
            let moved = (centred * tangent.clone()).mean_dim(0) / deviation.clone();
            Tensor::cat(vec![tangent, spread(moved)], 1)
        });
        Self { value: Tensor::cat(vec![self.value, spread(deviation)], 1), tangent }
    }
}
