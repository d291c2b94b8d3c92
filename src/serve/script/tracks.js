// ---------------------------------------------------------------- tracks

/** `30000/1001` as a number. */
function rate(text) {
  if (typeof text === 'number') return text;
  const [above, below] = String(text).split('/').map(Number);
  return above / (below || 1);
}

/** One kind of media of this page: what runs at the service, and the tracks that show it. */
class Source {
  /**
   * @param {'video' | 'audio'} kind
   * @param {string} wish the member of what is wanted from the connection
   * @param {Pictures | Sound} pipe
   */
  constructor(kind, wish, pipe) {
    this.kind = kind;
    this.wish = wish;
    this.pipe = pipe;
    /** The browser's own track, of which those of the page are clones; and those. Held here, so that none is forgotten. */
    this.base = null;
    this.tracks = new Set();
    /** What was asked for last, to be asked again after a restart. */
    this.asked = null;
    this.settings = {};
    this.label = '';
    this.opened = 0;
    /** Set by who is told: tracks are enabled or disabled, or one is gone. */
    this.onchange = () => {};
    /** Why they are muted, and since when by the service's clock. */
    this.reason = null;
    this.mutedAt = 0;
  }

  /** A track that shows it, with these constraints. */
  async add(constraints) {
    if (!this.base) {
      // Two requests at once begin it once.
      this.beginning = this.beginning || this.begin();
      try {
        this.base = await this.beginning;
      } finally {
        this.beginning = null;
      }
    }
    wire.want({ [this.wish]: true });
    return this.dress(this.base.clone(), constraints);
  }

  begin() {
    return this.pipe.begin(this.settings.sampleRate || 48000, this.settings.channelCount || 2);
  }

  /** Gives a track of the browser's what it cannot know by itself. */
  dress(track, constraints) {
    const source = this;
    const enabled = Object.getOwnPropertyDescriptor(MediaStreamTrack.prototype, 'enabled');
    let own = constraints;
    define(track, {
      label: { get: () => source.label },
      muted: { get: () => source.reason !== null },
      /** Beyond the standard: why it is muted. */
      muteReason: { get: () => source.reason },
      enabled: {
        get: () => enabled.get.call(track),
        set(value) {
          enabled.set.call(track, value);
          source.onchange();
        },
      },
      getSettings: () => ({ ...source.settings }),
      getConstraints: () => structuredClone(own),
      getCapabilities: () => capabilities(source.kind, source.settings.deviceId),
      async applyConstraints(wanted = {}) {
        if (track.readyState === 'ended') return;
        await source.ask(wanted);
        own = structuredClone(wanted);
      },
      stop() {
        Object.getPrototypeOf(track).stop.call(track);
        source.drop(track);
      },
      clone() {
        const copy = Object.getPrototypeOf(track).clone.call(track);
        return track.readyState === 'ended' ? copy : source.dress(copy, own);
      },
    });
    this.tracks.add(track);
    return track;
  }

  /** One less; with the last the service need send nothing any more. */
  drop(track) {
    this.tracks.delete(track);
    this.onchange();
    if (this.tracks.size > 0 || !this.base) return;
    wire.want({ [this.wish]: false });
    this.base.stop();
    this.base = null;
    this.asked = null;
    this.pipe.end();
  }

  /** Ends every track, for this error. */
  end(error) {
    for (const track of [...this.tracks]) {
      Object.getPrototypeOf(track).stop.call(track);
      this.drop(track);
      track.dispatchEvent(define(new Event('ended'), { error }));
    }
  }

  /** Asks the service, and knows what runs then. */
  async ask(constraints) {
    checkNumbers(constraints);
    const state = await wire.ask({ [this.kind]: constraints });
    this.asked = constraints;
    this.know(state[this.kind]);
  }

  /** What the service says of it. */
  know(part) {
    if (part.opened < this.opened) return; // written before it was asked
    this.opened = part.opened;
    this.label = part.label || this.label;
    if (part.settings) this.settings = settingsOf(part.settings);
    this.error = part.error;
    if (part.state === 'off' && this.tracks.size > 0) {
      this.end(mediaError({ name: 'AbortError', message: `usermedia lets go of this ${this.kind}` }));
    } else {
      const reasons = { live: null, muted: part.reason };
      this.mute(part.state in reasons ? reasons[part.state] : part.state);
    }
  }

  /** Muted for this reason, or no more. */
  mute(reason) {
    const before = this.reason;
    this.reason = reason || null;
    if (before !== this.reason) this.mutedAt = wire.clock.now();
    if ((before === null) === (this.reason === null)) return;
    for (const track of [...this.tracks]) track.dispatchEvent(new Event(this.reason === null ? 'unmute' : 'mute'));
  }
}

/** The settings as W3C has them. */
function settingsOf({ label, fitness, fourcc, frameRate, ...rest }) {
  const { groupId } = deviceOf(rest.deviceId);
  const settings = { ...rest, groupId: groupId || '' };
  if (frameRate) settings.frameRate = rate(frameRate);
  if (fourcc) settings.pixelFormat = fourcc;
  return settings;
}

/** JSON has no word for a number that is none. */
function checkNumbers(value, name = 'the constraints') {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw mediaError({ name: 'TypeError', message: `${name}: a number must be finite` });
  }
  if (value && typeof value === 'object') for (const [key, inner] of Object.entries(value)) checkNumbers(inner, key);
}
