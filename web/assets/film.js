// Films as MP4 or WebM: the browser's encoder (WebCodecs), and mediabunny, which puts what that makes into a file. The library is
// larger than the page's own program packed, so it is loaded when the first film is saved.

/** H.264 first, as phones and messengers play it; but not every browser may encode it. */
const CODECS = ["avc", "vp9", "vp8"];

globalThis.whelpFilm = {
  /** Whether this browser has an encoder. */
  isThere: "VideoEncoder" in globalThis && "OffscreenCanvas" in globalThis,

  /**
   * Makes a file of frames of `width` by `height` pixels of 1 or 3 channels, one after the other in `pixels`. Each pixel becomes a square of
   * `scale` by `scale`, and each frame is seen for `ms` milliseconds. Resolves to a `Blob` that knows its type; rejects if no
   * encoder takes pictures of that size.
   */
  async make(width, height, channels, pixels, scale, ms) {
    const library = await import("./mediabunny.min.mjs");
    const { BufferTarget, CanvasSource, Mp4OutputFormat, Output, QUALITY_VERY_HIGH, WebMOutputFormat } = library;
    // Half the colours of a row are encoded, so encoders want even numbers of pixels.
    const even = (side) => 2 * Math.ceil((side * scale) / 2);
    const canvas = new OffscreenCanvas(even(width), even(height));
    const codec = await library.getFirstEncodableVideoCodec(CODECS, { width: canvas.width, height: canvas.height });
    if (codec === null) throw new Error("no encoder for this size");
    const isMp4 = codec === "avc";
    const target = new BufferTarget();
    const output = new Output({ format: isMp4 ? new Mp4OutputFormat() : new WebMOutputFormat(), target });
    const source = new CanvasSource(canvas, { codec, quality: QUALITY_VERY_HIGH });
    output.addVideoTrack(source, { frameRate: 1000 / ms });
    await output.start();
    const small = new OffscreenCanvas(width, height);
    const [from, to] = [small, canvas].map((canvas) => canvas.getContext("2d"));
    to.imageSmoothingEnabled = false;
    const bytes = width * height * channels;
    const image = new ImageData(width, height);
    for (let frame = 0; (frame + 1) * bytes <= pixels.length; frame++) {
      for (let pixel = 0; pixel < width * height; pixel++) {
        const at = frame * bytes + pixel * channels;
        for (let channel = 0; channel < 3; channel++) image.data[4 * pixel + channel] = pixels[at + Math.min(channel, channels - 1)];
        image.data[4 * pixel + 3] = 255;
      }
      from.putImageData(image, 0, 0);
      to.drawImage(small, 0, 0, width * scale, height * scale);
      await source.add((frame * ms) / 1000, ms / 1000);
    }
    await output.finalize();
    return new Blob([target.buffer], { type: isMp4 ? "video/mp4" : "video/webm" });
  },
};
