// ---------------------------------------------------------------- pictures

/** Makes a JPEG something that can be drawn: by WebCodecs where that is, which needs no RGB in between. */
async function decode(message) {
  const bytes = new Uint8Array(message.data, HEADER);
  if (typeof ImageDecoder === 'function' && typeof VideoFrame === 'function') {
    const decoder = new ImageDecoder({ data: bytes, type: 'image/jpeg' });
    try {
      return (await decoder.decode()).image;
    } finally {
      decoder.close();
    }
  }
  return createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
}

/** A track that frames are written to. */
function generatedTrack() {
  const track = new MediaStreamTrackGenerator({ kind: 'video' });
  const writer = track.writable.getWriter();
  const closed = () => {};
  writer.closed.catch(closed);
  return {
    track,
    way: 'MediaStreamTrackGenerator',
    show(picture, message) {
      const timestamp = Math.round(message.stamp * 1000);
      const frame = new VideoFrame(picture, { timestamp });
      picture.close();
      // Whoever looks has not taken the last one: the next is newer.
      if (writer.desiredSize <= 0) frame.close();
      else writer.write(frame).catch(closed);
    },
    end() {
      writer.close().catch(closed);
      track.stop();
    },
  };
}

/** A track of what is drawn on a canvas. */
function drawnTrack() {
  const canvas = document.createElement('canvas');
  // What is drawn is read back for the track: better where no graphics card has to give it back first.
  const paint = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  // Nothing was drawn yet, and some engines capture only what has been.
  paint.fillRect(0, 0, 1, 1);
  const [track] = canvas.captureStream(0).getVideoTracks();
  return {
    track,
    way: 'canvas.captureStream',
    show(picture, message) {
      const [width, height] = message.shape;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      paint.drawImage(picture, 0, 0, width, height);
      picture.close();
      track.requestFrame();
    },
    end() {
      track.stop();
    },
  };
}

/** From messages to a track: one decoding for all tracks of this page. */
class Pictures {
  constructor() {
    this.out = null;
    this.waiting = null;
    this.busy = false;
    /** Pictures that wait for their sound, which may take longer: the oldest first. */
    this.held = [];
    this.timer = null;
    /** How long it takes to show one, in milliseconds. */
    this.drawing = 0;
    this.reset();
  }

  reset() {
    this.shown = 0;
    this.skipped = 0;
    this.damaged = 0;
    this.age = new Sample();
    this.arrival = new Sample();
    /** How old they are when they could be shown, before any waiting. */
    this.ready = new Sample();
    /** The stamps of the newest pictures by their numbers, for those who read the number in the picture. */
    this.stamps = new Map();
  }

  begin() {
    if (typeof MediaStream !== 'function' || typeof HTMLCanvasElement.prototype.captureStream !== 'function') {
      throw mediaError({
        name: 'NotSupportedError',
        message: 'this browser has no MediaStream that a script can fill',
        remedy: 'switch its media streams on (WebKitGTK: enable-media-stream), or show /stream in an <img>',
      });
    }
    const generates = typeof MediaStreamTrackGenerator === 'function' && typeof VideoFrame === 'function';
    this.out = generates ? generatedTrack() : drawnTrack();
    return this.out.track;
  }

  end() {
    if (this.out) this.out.end();
    this.out = null;
    this.waiting = null;
    clearTimeout(this.timer);
    this.held.splice(0).forEach(({ picture }) => picture.close());
  }

  take(message) {
    this.skipped += message.missing;
    this.arrival.add(wire.clock.since(message.stamp));
    if (this.waiting) {
      this.skipped += 1;
      wire.say({ credit: 1 });
    }
    this.waiting = message;
    if (!this.busy) this.work();
  }

  async work() {
    this.busy = true;
    while (this.waiting) {
      const message = this.waiting;
      this.waiting = null;
      try {
        const picture = await decode(message);
        if (this.out) this.hold(picture, message);
        else picture.close();
      } catch {
        // A damaged one: the next comes.
        this.damaged += 1;
      }
      wire.say({ credit: 1 });
    }
    this.busy = false;
  }

  /** Shows it when it is as old as its sound will be, and a little before: four wait at most, and a tenth of a second. */
  hold(picture, message) {
    const age = wire.clock.since(message.stamp);
    this.ready.add(age);
    const wait = age === null ? 0 : Math.min(this.lag() - this.drawing - age, 100);
    if (wait < 4 && this.held.length === 0) {
      this.show(picture, message);
      return;
    }
    this.held.push({ picture, message, due: performance.now() + wait });
    if (this.held.length > 4) this.release();
    this.wake();
  }

  release() {
    const { picture, message } = this.held.shift();
    this.show(picture, message);
  }

  wake() {
    clearTimeout(this.timer);
    while (this.held.length > 0 && this.held[0].due - performance.now() < 2) this.release();
    if (this.held.length > 0) this.timer = setTimeout(() => this.wake(), this.held[0].due - performance.now());
  }

  show(picture, message) {
    const begin = performance.now();
    this.out.show(picture, message);
    // Where it is drawn here, that takes a part of the waiting.
    this.drawing += (performance.now() - begin - this.drawing) / 16;
    this.shown += 1;
    const age = wire.clock.since(message.stamp);
    if (age !== null) this.age.add(age);
    this.stamps.set(message.number, message.stamp);
    if (this.stamps.size > 120) this.stamps.delete(this.stamps.keys().next().value);
    this.onshown(message);
  }

  /** Set by who is told; and by who knows how old sound is at best when it is heard, less what nobody notices. */
  onshown() {}

  lag() {
    return 0;
  }
}
