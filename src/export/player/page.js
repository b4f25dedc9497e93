// The page: what is to be drawn, workers that draw it, and what is shown.

"use strict";

(() => {
  const part = (id) => document.getElementById(id);
  const player = JSON.parse(part("player").textContent);
  const { picture: size, classes } = player;
  const [, rows, columns] = size;

  /** Pictures of a walk from one seed to another. */
  const STEPS = 32;
  const FRAME_MS = 80;
  /** More workers would need more memory than they save time. */
  const MOST_WORKERS = 4;
  const LARGEST_SEED = 2n ** 64n - 1n;

  /** What a worker does beside `Whelp`: it reads the weights once, and then draws one latent after the other. */
  function work() {
    let network;
    self.onmessage = ({ data: { player, weights, id, z, picked } }) => {
      if (player) network = Whelp.load(player, weights);
      if (!z) return;
      const bytes = Whelp.pixels(Whelp.draw(network, z, picked), network.picture);
      self.postMessage({ id, bytes }, [bytes.buffer]);
    };
  }

  /** Draws in workers; where a browser has no workers for such a page, here between two tasks. */
  class Painter {
    constructor() {
      this.waiting = [];
      this.running = new Map();
      this.idle = [];
      this.weights = part("weights").textContent;
      this.made = 0;
      this.count = 0;
      this.most = Math.min(MOST_WORKERS, Math.max(1, (navigator.hardwareConcurrency ?? 2) - 1));
      const source = `${part("network").textContent}\n(${work})();`;
      this.source = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    }

    /** Forgets what waits of a kind. */
    forget(kind) {
      this.waiting = this.waiting.filter((job) => job.kind !== kind);
    }

    /** `done` gets the picture's bytes. */
    draw(kind, z, picked, done) {
      this.waiting.push({ kind, z, picked, done });
      if (this.idle.length === 0 && this.made < this.most) this.add();
      this.next();
    }

    add() {
      this.made++;
      try {
        const worker = new Worker(this.source);
        worker.onmessage = ({ data: { id, bytes } }) => {
          const job = this.running.get(id);
          // It is drawn here meanwhile.
          if (!job) return;
          this.running.delete(id);
          this.idle.push(worker);
          this.next();
          job.done(bytes);
        };
        worker.onerror = () => this.drawHere();
        worker.postMessage({ player, weights: this.weights });
        this.idle.push(worker);
      } catch {
        this.drawHere();
      }
    }

    next() {
      while (this.idle.length > 0 && this.waiting.length > 0) {
        const [worker, job] = [this.idle.pop(), this.take()];
        const id = this.count++;
        this.running.set(id, job);
        worker.postMessage({ id, z: job.z, picked: job.picked });
      }
    }

    /** What is looked at first comes first. */
    take() {
      const grid = this.waiting.findIndex((job) => job.kind === "grid");
      return this.waiting.splice(Math.max(0, grid), 1)[0];
    }

    drawHere() {
      if (this.network) return;
      this.network = Whelp.load(player, this.weights);
      this.waiting.unshift(...this.running.values());
      this.running.clear();
      const step = () => {
        const job = this.take();
        if (job) job.done(Whelp.pixels(Whelp.draw(this.network, job.z, job.picked), size));
        setTimeout(step, job ? 0 : 50);
      };
      this.idle = [];
      step();
    }
  }

  const painter = new Painter();

  /** A seed as it was typed; undefined if it is none. */
  function seedOf(input) {
    const text = input.value.trim();
    const seed = /^[0-9]{1,20}$/.test(text) ? BigInt(text) : undefined;
    const isSeed = seed !== undefined && seed <= LARGEST_SEED;
    input.setCustomValidity(isSeed ? "" : `A seed is a whole number from 0 to ${LARGEST_SEED}.`);
    return isSeed ? seed : undefined;
  }

  /** Calls back for each part of a page that a visitor changes. */
  const onChange = (ids, act) => ids.forEach((id) => part(id).addEventListener("input", act));

  const truncation = () => Number(part("truncation").value);
  const classOf = (index) => (classes.length === 0 ? 0 : part("class").value === "" ? index % classes.length : Number(part("class").value));

  /** The picture's bytes on a canvas of its size. */
  function show(canvas, bytes) {
    [canvas.width, canvas.height] = [columns, rows];
    canvas.getContext("2d").putImageData(new ImageData(bytes, columns, rows), 0, 0);
  }

  function save(canvases, across, name) {
    const scale = Number(part("enlarge").value);
    const sheet = document.createElement("canvas");
    sheet.width = across * columns * scale;
    sheet.height = Math.ceil(canvases.length / across) * rows * scale;
    const context = sheet.getContext("2d");
    context.imageSmoothingEnabled = false;
    canvases.forEach((canvas, index) => {
      const [x, y] = [index % across, Math.floor(index / across)];
      context.drawImage(canvas, x * columns * scale, y * rows * scale, columns * scale, rows * scale);
    });
    sheet.toBlob((blob) => {
      if (!blob) {
        part("status").textContent = "This picture is too large for this browser. Choose a smaller size.";
        return;
      }
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${name}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    });
  }

  // The grid

  const grid = part("grid");
  const canvases = () => [...grid.querySelectorAll("canvas")];
  const across = () => Math.ceil(Math.sqrt(canvases().length));
  /** Of the latest grid: what was asked for before it is not shown any more. */
  let gridRound;

  function drawGrid() {
    const seed = seedOf(part("seed"));
    if (seed === undefined) return;
    const count = Number(part("count").value);
    painter.forget("grid");
    const round = (gridRound = {});
    while (grid.children.length > count) grid.lastChild.remove();
    while (grid.children.length < count) {
      const button = document.createElement("button");
      button.type = "button";
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [columns, rows];
      button.append(canvas);
      button.addEventListener("click", () => enlarge(button));
      grid.append(button);
    }
    grid.style.gridTemplateColumns = `repeat(${Math.ceil(Math.sqrt(count))}, minmax(0, 1fr))`;
    let left = count;
    const say = () => {
      part("status").textContent = left > 0 ? `Drawing: ${count - left} of ${count}` : "";
      grid.dataset.drawn = left > 0 ? "" : `${seed}`;
    };
    [...grid.children].forEach((button, index) => {
      const kind = classes.length > 0 ? `, ${classes[classOf(index)]}` : "";
      button.title = `Picture ${index + 1} of seed ${seed}${kind}`;
      button.setAttribute("aria-label", button.title);
      painter.draw("grid", Whelp.latent(seed, index, player.latent, truncation()), classOf(index), (bytes) => {
        if (round !== gridRound) return;
        show(button.firstChild, bytes);
        left--;
        say();
      });
    });
    say();
  }

  function enlarge(button) {
    const dialog = part("large");
    part("large-title").textContent = button.title;
    const [from, to] = [button.firstChild, part("large-picture")];
    [to.width, to.height] = [columns, rows];
    to.getContext("2d").drawImage(from, 0, 0);
    dialog.showModal();
  }

  // The walk

  const frames = [];
  let place = 0;
  let direction = 1;
  let timer;
  let walkRound;

  /** On the sphere that latents lie near: `t` is 0 at the one, 1 at the other. */
  function between(a, b, t) {
    const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
    const lengths = Math.sqrt(dot(a, a) * dot(b, b));
    const angle = lengths > 0 ? Math.acos(Math.min(Math.max(dot(a, b) / lengths, -1), 1)) : 0;
    // Too near each other, or opposite: a straight line.
    const isStraight = Math.sin(angle) < 1e-6;
    const [first, second] = isStraight ? [1 - t, t] : [Math.sin((1 - t) * angle), Math.sin(t * angle)].map((part) => part / Math.sin(angle));
    return a.map((value, i) => first * value + second * b[i]);
  }

  /** Ends and middle first, so that there is something to see of all of it soon. */
  function coarseFirst() {
    const order = [0, STEPS];
    for (let step = STEPS / 2; step >= 1; step /= 2) for (let at = step; at < STEPS; at += 2 * step) order.push(at);
    return order;
  }

  function drawWalk() {
    const [from, to] = ["from", "to"].map((id) => seedOf(part(id)));
    if (from === undefined || to === undefined) return;
    painter.forget("walk");
    frames.length = 0;
    const round = (walkRound = {});
    const [a, b] = [from, to].map((seed) => Whelp.latent(seed, 0, player.latent, truncation()));
    for (const at of coarseFirst()) {
      painter.draw("walk", between(a, b, at / STEPS), classOf(0), (bytes) => {
        if (round !== walkRound) return;
        frames[at] = bytes;
        const drawn = frames.filter(Boolean).length;
        part("walk-status").textContent = drawn <= STEPS ? `Drawing: ${drawn} of ${STEPS + 1}` : "";
        part("walk").dataset.drawn = drawn <= STEPS ? "" : `${from} ${to}`;
        showPlace();
      });
    }
  }

  /** The frame at the place, or the nearest that is drawn. */
  function showPlace() {
    const drawn = [...frames.keys()].filter((at) => frames[at]);
    if (drawn.length === 0) return;
    const nearest = drawn.reduce((best, at) => (Math.abs(at - place) < Math.abs(best - place) ? at : best));
    show(part("walk"), frames[nearest]);
    part("place").value = place;
    part("place").setAttribute("aria-valuetext", `${Math.round((100 * place) / STEPS)} percent of the way`);
  }

  /** To the next place, there and back again. */
  function walkOn() {
    if (place + direction < 0 || place + direction > STEPS) direction = -direction;
    place += direction;
    showPlace();
  }

  function play(isPlaying) {
    clearInterval(timer);
    part("play").textContent = isPlaying ? "Pause" : "Play";
    timer = isPlaying ? setInterval(walkOn, FRAME_MS) : undefined;
  }

  // What a visitor does

  // Until something is drawn on it, it has a picture's shape already.
  [part("walk").width, part("walk").height] = [columns, rows];
  part("summary").textContent = player.summary;
  part("class-label").hidden = classes.length === 0;
  classes.forEach((name, index) => part("class").append(new Option(name, index)));
  ["pictures-form", "walk-form"].forEach((id) => part(id).addEventListener("submit", (event) => event.preventDefault()));
  onChange(["truncation"], () => (part("truncation-value").value = truncation().toFixed(2)));
  onChange(["seed", "count", "class", "truncation"], drawGrid);
  onChange(["from", "to", "class", "truncation"], drawWalk);
  part("another").addEventListener("click", () => {
    part("seed").value = crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
    drawGrid();
  });
  part("save").addEventListener("click", () => save(canvases(), across(), `seed-${part("seed").value}`));
  part("save-large").addEventListener("click", () => save([part("large-picture")], 1, part("large-title").textContent.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")));
  part("close-large").addEventListener("click", () => part("large").close());
  part("save-place").addEventListener("click", () => save([part("walk")], 1, `seed-${part("from").value}-to-${part("to").value}-${place}`));
  part("place").addEventListener("input", () => {
    play(false);
    place = Number(part("place").value);
    showPlace();
  });
  part("play").addEventListener("click", () => play(!timer));
  drawGrid();
  drawWalk();
})();
