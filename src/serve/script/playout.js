// ---------------------------------------------------------------- the ring that sound is played from
// On the audio thread, in an AudioWorklet: the only part that runs there. Where there is none, or the way to it is long, the
// page's own thread reads the same ring a little ahead (schedule.js).

/** Milliseconds: a block of 10 or 20, the way, and the next few that the device asks for. */
const LEAST = 32;

/** Milliseconds of silence after which nothing was late: the page's thread, or the service, stood still. */
const STILL = 50;

/**
 * Plays blocks of samples so that each is heard the same time after it was captured.
 *
 * Positions are frames of the microphone's own clock. The audio device has another clock: reading goes a little faster or
 * slower, half a percent at most, until the distance is what it shall be. Memory is a ring of two seconds.
 */
class Playout {
  /** @param {number} contextRate frames a second that are asked for */
  constructor(contextRate) {
    this.contextRate = contextRate;
    /** How far behind its capture sound is to be, in milliseconds: what pictures need, and at least what sound needs. */
    this.wanted = 0;
    this.least = LEAST;
    this.underruns = 0;
    this.jumps = 0;
    this.forget(0, 0);
  }

  forget(rate, channels) {
    this.rate = rate;
    this.ring = Array.from({ length: channels }, () => new Float32Array(2 * rate));
    this.begin = 0;
    this.write = 0;
    this.read = 0;
    this.speed = 1;
    this.delay = null;
    this.starved = false;
    this.stalled = false;
    this.calm();
  }

  /** Begins to watch anew how much is left when more comes. */
  calm() {
    this.spare = Infinity;
    this.watched = 0;
  }

  target() {
    return Math.max(this.wanted, this.least);
  }

  /**
   * Takes a block of planar samples whose last frame will be heard `late` milliseconds after its capture, were it the next to
   * be read; `gap` frames before it are lost, and `ahead` milliseconds of what was read are still to be heard.
   */
  push(samples, rate, late, gap, ahead = 0) {
    if (rate !== this.rate || samples.length !== this.ring.length) this.forget(rate, samples.length);
    const size = this.ring[0].length;
    const isFirst = this.write === 0;
    const left = ahead + ((this.write - this.read) / rate) * 1000;
    for (let missing = Math.min(gap, size); missing > 0 && !isFirst; missing -= 1, this.write += 1) {
      for (const ring of this.ring) ring[this.write % size] = 0;
    }
    const frames = samples[0].length;
    this.watched += (frames / rate) * 1000;
    for (let channel = 0; channel < samples.length; channel += 1) {
      const ring = this.ring[channel];
      for (let at = 0; at < frames; at += 1) ring[(this.write + at) % size] = samples[channel][at];
    }
    this.write += frames;
    this.begin = Math.max(this.begin, this.write - size);
    this.steer(late, left, isFirst);
  }

  steer(late, left, isFirst) {
    const delay = late + ((this.write - this.read) / this.rate) * 1000;
    // Patience is for what is a little late, as it will be again; a thread that stood still would have all wait for it.
    if (left < -STILL) this.stalled = true;
    else this.spare = Math.min(this.spare, left);
    if (this.starved && this.write > this.read && !isFirst) {
      if (!this.stalled) {
        this.underruns += 1;
        this.least = Math.min(this.least + 5, 250);
      }
      // It is silent just now: for a moment longer is better than again.
      this.place(late);
      return;
    }
    if (isFirst || Math.abs(delay - this.target()) > 500) {
      this.place(late);
      if (!isFirst) this.jumps += 1;
      return;
    }
    this.delay += (delay - this.delay) / 16;
    // A thread that stood still for a moment is not a clock that jumped: a few blocks say which.
    const off = this.delay - this.target();
    if (Math.abs(off) > 80) {
      this.read += (off / 1000) * this.rate;
      this.jumps += 1;
      this.settle();
      return;
    }
    this.speed = 1 + Math.max(-0.005, Math.min(0.005, (this.delay - this.target()) / 4000));
    // Half of what was to spare for three seconds is given back, but for ten milliseconds: sooner, and it is missed again.
    if (this.watched >= 3000) {
      this.least = Math.max(LEAST, this.least - Math.max(0, this.spare - 10) / 2);
      this.calm();
    }
  }

  /** Reads where the last frame, captured `late` milliseconds ago, is heard when it shall be. */
  place(late) {
    this.read = this.write - ((this.target() - late) / 1000) * this.rate;
    this.settle();
  }

  /** Goes on from where it reads now. */
  settle() {
    this.delay = this.target();
    this.speed = 1;
    this.starved = false;
    this.stalled = false;
    this.calm();
  }

  /** How many frames can be rendered. */
  ready() {
    return Math.max(0, Math.floor((this.write - 2 - this.read) / this.step()));
  }

  /** How far reading comes by each frame that is rendered. */
  step() {
    return (this.rate / this.contextRate) * this.speed;
  }

  /** Fills the channels of an output. */
  render(outputs) {
    const frames = outputs[0].length;
    const channels = this.ring.length;
    if (channels === 0 || this.write === 0) return;
    const step = this.step();
    const size = this.ring[0].length;
    for (let at = 0; at < frames; at += 1) {
      const position = this.read + at * step;
      const index = Math.floor(position);
      if (index + 2 >= this.write) {
        // Time goes on in silence, so that what comes late is not heard late.
        this.starved = true;
        for (const output of outputs) output[at] = 0;
      } else if (index - 1 < this.begin) {
        for (const output of outputs) output[at] = 0;
      } else {
        const t = position - index;
        for (let channel = 0; channel < outputs.length; channel += 1) {
          const ring = this.ring[Math.min(channel, channels - 1)];
          const a = ring[(index - 1) % size];
          const b = ring[index % size];
          const c = ring[(index + 1) % size];
          const d = ring[(index + 2) % size];
          // Catmull and Rom's curve through four samples.
          outputs[channel][at] = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
        }
      }
    }
    this.read += frames * step;
  }

  report() {
    return { delay: this.delay, target: this.target(), least: this.least, underruns: this.underruns, jumps: this.jumps };
  }
}

/** Makes it a node's processor. In the audio thread's own world. */
function registerPlayout(Player) {
  registerProcessor('usermedia-playout', class extends AudioWorkletProcessor {
    constructor() {
      super();
      this.player = new Player(sampleRate);
      this.alive = true;
      this.rendered = 0;
      this.port.onmessage = ({ data }) => {
        if (data.samples) {
          // On its way here it has grown older. By the clock: the audio thread's own time stands still while it does.
          const late = data.late + Math.max(0, Date.now() - data.sentAt);
          this.player.push(data.samples, data.rate, late, data.gap);
        } else if (data.wanted !== undefined) {
          this.player.wanted = data.wanted;
        } else {
          this.alive = false;
        }
      };
    }

    process(_inputs, [output]) {
      if (output.length > 0) this.player.render(output);
      this.rendered += 128;
      if (this.rendered >= sampleRate / 2) {
        this.rendered = 0;
        this.port.postMessage(this.player.report());
      }
      return this.alive;
    }
  });
}

if (typeof registerProcessor === 'function') {
  registerPlayout(Playout);
  return;
}
