// ---------------------------------------------------------------- sound

/** Gestures by which a browser lets a page be heard that it has kept silent. */
const GESTURES = ['pointerdown', 'pointerup', 'keydown', 'touchend'];

/**
 * WebKitGTK (2.50): its ports to the audio thread lead through the page's thread, and its elements drop sound that a script made,
 * all of it, as too late.
 */
const isWebKitGtk = /^Apple/.test(navigator.vendor) && /Linux/.test(navigator.platform);

/** From blocks of samples to a track, by an AudioContext. */
class Sound {
  constructor() {
    this.context = null;
    this.node = null;
    /** To the loudspeaker, as loud as it is played. */
    this.gain = null;
    this.volume = 0;
    this.schedule = null;
    this.way = null;
    this.report = null;
    this.blocks = 0;
    this.lost = 0;
    this.resume = () => this.context && this.context.resume().catch(() => {});
    /** Set by who is told: whether the browser lets the page be heard. */
    this.onheard = () => {};
  }

  /** Whether the browser keeps the page silent until somebody touches it. */
  get silenced() {
    return this.context !== null && this.context.state === 'suspended';
  }

  async begin(rate, channels) {
    const context = new AudioContext({ sampleRate: rate, latencyHint: 'interactive' });
    this.context = context;
    const destination = context.createMediaStreamDestination();
    this.node = await this.makeNode(context, Math.min(channels, 2));
    this.node.connect(destination);
    this.destination = destination;
    this.gain = new GainNode(context, { gain: this.volume });
    this.node.connect(this.gain).connect(context.destination);
    context.onstatechange = () => this.onheard();
    for (const gesture of GESTURES) addEventListener(gesture, this.resume, { capture: true, passive: true });
    this.resume();
    return destination.stream.getAudioTracks()[0];
  }

  async makeNode(context, channels) {
    if (context.audioWorklet && !isWebKitGtk) {
      try {
        await addPlayout(context.audioWorklet);
        const node = new AudioWorkletNode(context, 'usermedia-playout', {
          numberOfInputs: 0, numberOfOutputs: 1, outputChannelCount: [channels],
        });
        node.port.onmessage = ({ data }) => { this.report = data; };
        this.way = 'AudioWorklet';
        return node;
      } catch {
        // The page's policy (CSP) allows neither of its sources.
      }
    }
    const node = new GainNode(context);
    this.schedule = new Schedule(context, node, channels);
    this.way = 'AudioBufferSourceNode';
    return node;
  }

  end() {
    for (const gesture of GESTURES) removeEventListener(gesture, this.resume, { capture: true });
    if (this.node && this.node.port) this.node.port.postMessage({ end: true });
    if (this.node) this.node.disconnect();
    if (this.context) this.context.close().catch(() => {});
    this.context = null;
    this.node = null;
    this.gain = null;
    this.schedule = null;
    this.report = null;
  }

  /** Plays it that loud, from 0 to 1. */
  play(volume) {
    if (volume === this.volume) return;
    this.volume = volume;
    // Without a click.
    if (this.gain) this.gain.gain.setTargetAtTime(volume, this.context.currentTime, 0.01);
  }

  take(message) {
    const [rate, channels] = message.shape;
    const samples = planar(message, channels);
    if (!this.node || samples.length === 0 || samples[0].length === 0) return;
    this.blocks += 1;
    this.lost += message.missing;
    const late = wire.clock.since(message.stamp + (samples[0].length / rate) * 1000);
    const block = { samples, rate, late: late === null ? 5 : Math.max(0, late), gap: message.missing };
    // A context that stands still takes nothing: it must not pile up there.
    if (this.context.state !== 'running') return;
    if (this.schedule) {
      this.schedule.push(block);
      this.report = this.schedule.player.report();
    } else {
      block.sentAt = Date.now();
      this.node.port.postMessage(block, samples.map(({ buffer }) => buffer));
    }
  }

  /** Has sound come as late as the pictures do, in milliseconds. */
  follow(milliseconds) {
    const wanted = Math.max(0, Math.min(milliseconds, 250));
    if (this.schedule) this.schedule.player.wanted = wanted;
    else if (this.node) this.node.port.postMessage({ wanted });
  }
}

/** The samples of each channel from -1 to 1. */
function planar({ format, data }, channels) {
  const isWhole = format === 'S16L';
  const all = isWhole ? new Int16Array(data, HEADER) : new Float32Array(data, HEADER);
  const frames = Math.floor(all.length / Math.max(1, channels));
  const scale = isWhole ? 1 / 32768 : 1;
  // Whatever a microphone has, a page hears two.
  return Array.from({ length: Math.min(channels, 2) }, (_, channel) => {
    const samples = new Float32Array(frames);
    for (let at = 0; at < frames; at += 1) samples[at] = all[at * channels + channel] * scale;
    return samples;
  });
}

/** Loads the processor: this very file, or a text of it, whichever the page's policy (CSP) lets in. */
async function addPlayout(worklet) {
  const text = `const LEAST = ${LEAST};\nconst STILL = ${STILL};\n${Playout}\n(${registerPlayout})(Playout);`;
  const blob = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  const isOwn = address.script && new URL(address.script).origin === location.origin;
  const sources = isOwn ? [address.script, blob] : [blob, address.script].filter(Boolean);
  try {
    let failed;
    for (const source of sources) {
      try {
        await worklet.addModule(source);
        return;
      } catch (error) {
        failed = error;
      }
    }
    throw failed;
  } finally {
    URL.revokeObjectURL(blob);
  }
}
