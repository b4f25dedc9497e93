// A generator in plain JavaScript: the random numbers of a seed, and the operations of its graph. The page runs this text, and so do
// its workers.

"use strict";

const Whelp = (() => {
  /** What random numbers are for: latents of samples. The numbers are those of Whelp's src/random.rs. */
  const SAMPLES = 5;

  const rotate = (x, bits) => (x << bits) | (x >>> (32 - bits));

  /** ChaCha with 8 rounds. Its key consists of seed, stream and position, its counter begins at 0. */
  class Random {
    constructor(seed, stream, position) {
      const words = (value) => [Number(value & 0xffffffffn), Number((value >> 32n) & 0xffffffffn)];
      const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
      this.state = Uint32Array.from([...constants, ...words(seed), stream, 0, position, 0, 0, 0, 0, 0, 0, 0]);
      this.block = new Uint32Array(16);
      this.at = 16;
    }

    refill() {
      const x = this.block;
      x.set(this.state);
      const quarter = (a, b, c, d) => {
        x[a] += x[b];
        x[d] = rotate(x[d] ^ x[a], 16);
        x[c] += x[d];
        x[b] = rotate(x[b] ^ x[c], 12);
        x[a] += x[b];
        x[d] = rotate(x[d] ^ x[a], 8);
        x[c] += x[d];
        x[b] = rotate(x[b] ^ x[c], 7);
      };
      for (let round = 0; round < 4; round++) {
        for (let i = 0; i < 4; i++) quarter(i, 4 + i, 8 + i, 12 + i);
        for (let i = 0; i < 4; i++) quarter(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4));
      }
      for (let i = 0; i < 16; i++) x[i] += this.state[i];
      this.state[12]++;
      this.at = 0;
    }

    /** A whole number below 2 to the 53rd: the upper bits of 64. */
    next() {
      if (this.at === 16) this.refill();
      const [low, high] = [this.block[this.at], this.block[this.at + 1]];
      this.at += 2;
      return high * 2 ** 21 + (low >>> 11);
    }

    /** Standard normal numbers by Box and Muller. */
    normals(count) {
      const numbers = new Float32Array(count + 1);
      for (let i = 0; i < count; i += 2) {
        const radius = Math.sqrt(-2 * Math.log((this.next() + 1) / 2 ** 53));
        const angle = 2 * Math.PI * (this.next() / 2 ** 53);
        numbers[i] = radius * Math.cos(angle);
        numbers[i + 1] = radius * Math.sin(angle);
      }
      return numbers.slice(0, count);
    }
  }

  /** The latent of a seed's picture, as `whelp generate` draws it. `seed` is a BigInt. */
  function latent(seed, picture, length, truncation) {
    const psi = Math.fround(truncation);
    return new Random(seed, SAMPLES, picture).normals(length).map((value) => value * psi);
  }

  /** Every half as a float32. */
  function halves() {
    const table = new Float32Array(1 << 16);
    for (let bits = 0; bits < 1 << 15; bits++) {
      const [exponent, digits] = [bits >> 10, bits & 1023];
      const size = exponent === 0 ? digits * 2 ** -24 : exponent === 31 ? (digits ? NaN : Infinity) : (1 + digits / 1024) * 2 ** (exponent - 15);
      table[bits] = size;
      table[bits | 0x8000] = -size;
    }
    return table;
  }

  function bytesOf(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  const product = (sizes) => sizes.reduce((all, size) => all * size, 1);

  /** Reads the weights. `player` is what Whelp wrote into the page, `base64` the bytes beside it. */
  function load(player, base64) {
    const { buffer } = bytesOf(base64);
    const table = halves();
    const tensors = player.tensors.map(({ shape, at, scale }) => {
      const count = product(shape);
      if (scale === null) return { shape, values: new Float32Array(buffer, at, count) };
      const values = Float32Array.from(new Uint16Array(buffer, at, count), (bits) => table[bits] * scale);
      return { shape, values };
    });
    // Of each value, the last node that takes it: from there on its memory may be used again.
    const last = [];
    player.nodes.forEach(({ input, other }, index) => {
      last[input] = index;
      if (other !== undefined) last[other] = index;
    });
    return { ...player, tensors, last };
  }

  /** A map with `margin` zeros around it. */
  function framed(x, at, rows, columns, margin, target) {
    const width = columns + 2 * margin;
    for (let y = 0; y < rows; y++) {
      target.set(x.subarray(at + y * columns, at + (y + 1) * columns), (y + margin) * width + margin);
    }
  }

  /**
   * Adds to every `step`th pixel of every `step`th row of `out`, from `at` on, the sum of a few pixels of the framed map, at the
   * distances `offsets`, each times its weight.
   */
  function addWindow(out, at, outWidth, step, rows, columns, map, mapWidth, weights, offsets) {
    const taps = offsets.length;
    for (let y = 0; y < rows; y++) {
      let to = at + y * step * outWidth;
      const from = y * mapWidth;
      for (let x = from; x < from + columns; x++, to += step) {
        let sum = 0;
        for (let tap = 0; tap < taps; tap++) sum += weights[tap] * map[x + offsets[tap]];
        out[to] += sum;
      }
    }
  }

  /** A convolution with kernels of one pixel: each output map is a sum of input maps. */
  function mixed(x, weight, out, groups, outputs, inputs, pixels) {
    for (let o = 0; o < outputs; o++) {
      const y = out.subarray(o * pixels, (o + 1) * pixels);
      const first = Math.floor(o / (outputs / groups)) * inputs;
      let c = 0;
      // Four at a time, so that a sum is read and written less often.
      for (; c + 4 <= inputs; c += 4) {
        const [w0, w1, w2, w3] = weight.subarray(o * inputs + c, o * inputs + c + 4);
        const [p0, p1, p2, p3] = [0, 1, 2, 3].map((i) => (first + c + i) * pixels);
        for (let p = 0; p < pixels; p++) y[p] += w0 * x[p0 + p] + w1 * x[p1 + p] + w2 * x[p2 + p] + w3 * x[p3 + p];
      }
      for (; c < inputs; c++) {
        const w = weight[o * inputs + c];
        const from = (first + c) * pixels;
        for (let p = 0; p < pixels; p++) y[p] += w * x[from + p];
      }
    }
  }

  /** Maps that begin as their bias. */
  function biased(bias, channels, pixels) {
    const out = new Float32Array(channels * pixels);
    if (bias) for (let c = 0; c < channels; c++) out.fill(bias[c], c * pixels, (c + 1) * pixels);
    return out;
  }

  function convolve(x, [channels, rows, columns], { shape, values }, bias, { stride, padding, groups }, output) {
    const [outputs, inputs, kernel] = shape;
    const out = biased(bias, outputs, output[1] * output[2]);
    if (kernel === 1 && stride === 1 && padding === 0) {
      mixed(x, values, out, groups, outputs, inputs, rows * columns);
      return out;
    }
    if (stride !== 1) throw new Error(`a convolution moves by ${stride} pixels; this page knows 1`);
    const width = columns + 2 * padding;
    const map = new Float32Array((rows + 2 * padding) * width);
    const offsets = Array.from({ length: kernel * kernel }, (_, tap) => Math.floor(tap / kernel) * width + (tap % kernel));
    const perGroup = outputs / groups;
    for (let c = 0; c < channels; c++) {
      framed(x, c * rows * columns, rows, columns, padding, map);
      const group = Math.floor(c / inputs);
      for (let o = group * perGroup; o < (group + 1) * perGroup; o++) {
        const weights = values.subarray((o * inputs + (c % inputs)) * offsets.length, (o * inputs + (c % inputs) + 1) * offsets.length);
        addWindow(out, o * output[1] * output[2], output[2], 1, output[1], output[2], map, width, weights, offsets);
      }
    }
    return out;
  }

  function convolveTransposed(x, [channels, rows, columns], { shape, values }, { stride, padding }, output) {
    const [, outputs, kernel] = shape;
    const pixels = output[1] * output[2];
    const out = new Float32Array(outputs * pixels);
    // Output pixels `stride` apart are sums of the same few taps of the kernel, over a map with zeros around it.
    const margin = kernel;
    const width = columns + 2 * margin;
    const phases = [];
    for (let a = 0; a < stride; a++) {
      for (let b = 0; b < stride; b++) {
        const taps = [];
        const offsets = [];
        for (let ky = (a + padding) % stride; ky < kernel; ky += stride) {
          for (let kx = (b + padding) % stride; kx < kernel; kx += stride) {
            taps.push(ky * kernel + kx);
            offsets.push(((a + padding - ky) / stride + margin) * width + (b + padding - kx) / stride + margin);
          }
        }
        const size = [output[1] - a, output[2] - b].map((length) => Math.ceil(length / stride));
        phases.push({ at: a * output[2] + b, size, taps, offsets, weights: new Float32Array(taps.length) });
      }
    }
    const map = new Float32Array((rows + 2 * margin) * width);
    for (let c = 0; c < channels; c++) {
      framed(x, c * rows * columns, rows, columns, margin, map);
      for (let o = 0; o < outputs; o++) {
        const first = (c * outputs + o) * kernel * kernel;
        for (const { at, size, taps, offsets, weights } of phases) {
          for (let tap = 0; tap < taps.length; tap++) weights[tap] = values[first + taps[tap]];
          addWindow(out, o * pixels + at, output[2], stride, size[0], size[1], map, width, weights, offsets);
        }
      }
    }
    return out;
  }

  /** Twice as many rows and columns: every pixel is the mean of four of the smaller map, whose rows and columns `pick` gives. */
  function doubled(x, [channels, rows, columns], pick) {
    const out = new Float32Array(4 * channels * rows * columns);
    // A row and a column of zeros come after the last.
    const width = columns + 2;
    const map = new Float32Array((rows + 2) * width);
    const columnPairs = Array.from({ length: 2 * columns }, (_, z) => pick(z));
    const [left, right] = [0, 1].map((side) => Int32Array.from(columnPairs, (pair) => pair[side] + 1));
    let to = 0;
    for (let c = 0; c < channels; c++) {
      framed(x, c * rows * columns, rows, columns, 1, map);
      for (let y = 0; y < 2 * rows; y++) {
        const [top, bottom] = pick(y).map((row) => (row + 1) * width);
        for (let z = 0; z < 2 * columns; z++, to++) {
          out[to] = (map[top + left[z]] + map[top + right[z]] + map[bottom + left[z]] + map[bottom + right[z]]) / 4;
        }
      }
    }
    return out;
  }

  const NEAREST = (i) => [i >> 1, i >> 1];
  const BLURRED = (i) => [i >> 1, (i + 1) >> 1];

  /** What each operation of the graph computes: of the value `x` of the size `size`; `own` gives one that may be changed. */
  const OPERATIONS = {
    append_class(x, { tensors, embedding, picked }) {
      const { shape, values } = tensors[embedding];
      const row = values.subarray(picked * shape[1], (picked + 1) * shape[1]);
      const out = new Float32Array(x.length + row.length);
      out.set(x);
      out.set(row, x.length);
      return out;
    },
    linear(x, { tensors, weight, bias }) {
      const { shape, values } = tensors[weight];
      const [outputs, inputs] = shape;
      return Float32Array.from({ length: outputs }, (_, o) => {
        let sum = bias === null ? 0 : tensors[bias].values[o];
        for (let i = 0; i < inputs; i++) sum += values[o * inputs + i] * x[i];
        return sum;
      });
    },
    conv: (x, node) => convolve(x, node.size, node.tensors[node.weight], node.bias === null ? null : node.tensors[node.bias].values, node, node.output),
    conv_transpose: (x, node) => convolveTransposed(x, node.size, node.tensors[node.weight], node, node.output),
    batch_norm(x, { tensors, gamma, beta, mean, variance, epsilon, size, own }) {
      const y = own(x);
      const pixels = size[1] * size[2];
      const [g, b, m, v] = [gamma, beta, mean, variance].map((index) => tensors[index].values);
      for (let c = 0; c < size[0]; c++) {
        const scale = g[c] / Math.sqrt(v[c] + epsilon);
        const shift = b[c] - m[c] * scale;
        for (let p = c * pixels; p < (c + 1) * pixels; p++) y[p] = y[p] * scale + shift;
      }
      return y;
    },
    leaky_relu(x, { slope, own }) {
      const y = own(x);
      for (let i = 0; i < y.length; i++) if (y[i] < 0) y[i] *= slope;
      return y;
    },
    tanh(x, { own }) {
      const y = own(x);
      for (let i = 0; i < y.length; i++) y[i] = Math.tanh(y[i]);
      return y;
    },
    clamp: (x) => x.map((value) => Math.min(Math.max(value, -1), 1)),
    nearest_up: (x, { size }) => doubled(x, size, NEAREST),
    blur_up: (x, { size }) => doubled(x, size, BLURRED),
    basis(x, { tensors, basis }) {
      const { shape, values } = tensors[basis];
      return values.map((value, i) => value * x[Math.floor(i / (shape[1] * shape[2]))]);
    },
    add(x, { values, other, own }) {
      const [y, z] = [own(x), values[other]];
      for (let i = 0; i < y.length; i++) y[i] += z[i];
      return y;
    },
  };

  /** Draws the picture of a latent: channel by channel, in [-1, 1]. `picked` is its class's number. */
  function draw(network, z, picked) {
    const { nodes, tensors, last, latent } = network;
    const values = [z];
    const sizes = [[latent, 1, 1]];
    nodes.forEach((node, index) => {
      const { op, input, output } = node;
      // z belongs to the caller.
      const own = (x) => (input > 0 && last[input] === index ? x : x.slice());
      values.push(OPERATIONS[op](values[input], { ...node, tensors, values, picked, size: sizes[input], own }));
      sizes.push(output);
      for (const value of [input, node.other]) if (value !== undefined && last[value] === index) values[value] = null;
    });
    return values[nodes.length];
  }

  /** A picture as bytes of red, green, blue and alpha. */
  function pixels(picture, [channels, rows, columns]) {
    const count = rows * columns;
    const bytes = new Uint8ClampedArray(4 * count).fill(255);
    for (let p = 0; p < count; p++) {
      for (let c = 0; c < 3; c++) bytes[4 * p + c] = Math.round((picture[(c % channels) * count + p] + 1) * 127.5);
    }
    return bytes;
  }

  return { latent, load, draw, pixels };
})();
