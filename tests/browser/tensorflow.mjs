// A training step of the same DCGAN in TensorFlow.js, in the same browser and on the same device.

import path from "node:path";

/** Where TensorFlow.js and its WebGPU backend are installed. */
const PACKAGES = process.env.WHELP_TENSORFLOW;

const FILES = [
  "@tensorflow/tfjs/dist/tf.min.js",
  "@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js",
];

/** Whether TensorFlow.js is installed. */
export const isInstalled = PACKAGES !== undefined;

/**
 * Seconds that each of `count` steps of DCGAN at 64 pixels takes, after a first one. `page` must be at an address where the
 * browser offers WebGPU.
 */
export async function stepSeconds(page, { width, batch, count }) {
  for (const file of FILES) await page.addScriptTag({ path: path.join(PACKAGES, file) });
  return page.evaluate(trainDcgan64, { width, batch, count });
}

/** Runs in the page. */
async function trainDcgan64({ width, batch, count }) {
  const tf = window.tf;
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js has no WebGPU here");
  await tf.ready();
  const LATENT = 100;
  const norm = () => tf.layers.batchNormalization({ momentum: 0.9, epsilon: 1e-5 });
  const kernel = (filters, strides, padding) => ({ filters, kernelSize: 4, strides, padding, useBias: false });
  const up = (filters, strides, padding, more = {}) => [
    tf.layers.conv2dTranspose({ ...kernel(filters, strides, padding), ...more }),
    norm(),
    tf.layers.reLU(),
  ];
  const down = (filters) => [tf.layers.conv2d(kernel(filters, 2, "same")), norm(), tf.layers.leakyReLU({ alpha: 0.2 })];
  const generator = tf.sequential({
    layers: [
      ...up(8 * width, 1, "valid", { inputShape: [1, 1, LATENT] }),
      ...up(4 * width, 2, "same"),
      ...up(2 * width, 2, "same"),
      ...up(width, 2, "same"),
      tf.layers.conv2dTranspose({ ...kernel(3, 2, "same"), activation: "tanh" }),
    ],
  });
  const discriminator = tf.sequential({
    layers: [
      tf.layers.conv2d({ ...kernel(width, 2, "same"), inputShape: [64, 64, 3] }),
      tf.layers.leakyReLU({ alpha: 0.2 }),
      ...down(2 * width),
      ...down(4 * width),
      ...down(8 * width),
      tf.layers.conv2d(kernel(1, 1, "valid")),
      tf.layers.flatten(),
    ],
  });
  const run = (net, x) => net.apply(x, { training: true });
  const variables = (net) => net.trainableWeights.map((weight) => weight.val);
  const loss = (logits, wanted) => tf.losses.sigmoidCrossEntropy(tf.fill([batch, 1], wanted), logits);
  const adams = [tf.train.adam(2e-4, 0.5, 0.999), tf.train.adam(2e-4, 0.5, 0.999)];
  const real = tf.randomUniform([batch, 64, 64, 3], -1, 1);
  const step = async () => {
    const losses = tf.tidy(() => {
      const z = tf.randomNormal([batch, 1, 1, LATENT]);
      const fake = run(generator, z);
      const discriminatorLoss = () => tf.add(loss(run(discriminator, real), 1), loss(run(discriminator, fake), 0));
      const d = adams[0].minimize(discriminatorLoss, true, variables(discriminator));
      const g = adams[1].minimize(() => loss(run(discriminator, run(generator, z)), 1), true, variables(generator));
      return [d, g];
    });
    for (const value of losses) {
      const [number] = await value.data();
      if (!Number.isFinite(number)) throw new Error(`a loss of ${number}`);
      value.dispose();
    }
  };
  await step();
  const seconds = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await step();
    seconds.push((performance.now() - start) / 1000);
  }
  return seconds;
}
