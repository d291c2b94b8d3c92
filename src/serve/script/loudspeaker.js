// ---------------------------------------------------------------- the loudspeaker

/** Milliseconds from the audio thread to the ear where a browser does not say: WebKitGTK's with PulseAudio. */
const UNSAID = 50;

/** By which an element says that it is louder or not. */
const EVENTS = ['play', 'playing', 'pause', 'volumechange', 'ended'];

/**
 * Has what an element plays of our sound come from the AudioContext itself, as loud as the element says; the element gets the
 * rest of the stream. The element's own way takes 80 ms longer in Chromium, by which the sound is late, and is mute in WebKitGTK.
 */
class Loudspeaker {
  /**
   * @param {Sound} sound
   * @param {Set<MediaStreamTrack>} tracks the page's tracks of it
   */
  constructor(sound, tracks) {
    this.sound = sound;
    this.tracks = tracks;
    /** What elements were given by the page, and what they have of it. A page that lets go of one need not say so. */
    this.given = new WeakMap();
    this.elements = new Set();
    this.listener = () => this.update();
  }

  /** Has every element ask here what it is to show, and every stream say that it has other tracks. */
  install() {
    const loudspeaker = this;
    const own = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
    this.show = (element, stream) => own.set.call(element, stream);
    Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
      ...own,
      get() {
        const given = loudspeaker.given.get(this);
        return given ? given.stream : own.get.call(this);
      },
      set(stream) {
        const rest = stream instanceof MediaStream ? loudspeaker.restOf(stream) : stream;
        loudspeaker.show(this, rest);
        loudspeaker.leave(this);
        if (rest instanceof MediaStream) loudspeaker.take(this, stream, rest);
        loudspeaker.update();
      },
    });
    for (const name of ['addTrack', 'removeTrack']) {
      const change = MediaStream.prototype[name];
      define(MediaStream.prototype, {
        [name](track) {
          change.call(this, track);
          loudspeaker.changed(this);
        },
      });
    }
  }

  isOurs(track) {
    return this.tracks.has(track);
  }

  othersOf(stream) {
    return stream.getTracks().filter((track) => !this.isOurs(track));
  }

  /** What an element is to have of a stream: all of it, but for sound that is played here. */
  restOf(stream) {
    const others = this.othersOf(stream);
    // With sound alone there is no picture that it would be late for.
    const isWhole = others.length === 0 || others.length === stream.getTracks().length;
    return isWhole ? stream : new MediaStream(others);
  }

  /** Whether the sound of ours that an element was given is played here. */
  isPlayed({ stream, rest }) {
    return rest !== stream || isWebKitGtk;
  }

  take(element, stream, rest) {
    const reference = new WeakRef(element);
    this.given.set(element, { stream, rest, reference });
    this.elements.add(reference);
    for (const event of EVENTS) element.addEventListener(event, this.listener);
  }

  leave(element) {
    const given = this.given.get(element);
    if (!given) return;
    this.given.delete(element);
    this.elements.delete(given.reference);
    for (const event of EVENTS) element.removeEventListener(event, this.listener);
  }

  /** The elements that are still there, each with what it was given. */
  * present() {
    for (const reference of this.elements) {
      const element = reference.deref();
      if (element) yield [element, this.given.get(element)];
      else this.elements.delete(reference);
    }
  }

  /** A stream has other tracks now. */
  changed(stream) {
    for (const [element, given] of this.present()) {
      if (given.stream === stream) this.follow(element, given);
    }
    this.update();
  }

  /** Has an element show what its stream has come to be. */
  follow(element, given) {
    const { stream, rest } = given;
    if (rest === stream) {
      given.rest = this.restOf(stream);
      if (given.rest === stream) return;
      // Until now it had the stream itself. If it plays it goes on, which another stream alone would not have it do.
      const plays = !element.paused;
      this.show(element, given.rest);
      if (plays) element.play().catch(() => {});
      return;
    }
    const others = this.othersOf(stream);
    for (const track of rest.getTracks()) if (!others.includes(track)) rest.removeTrack(track);
    for (const track of others) rest.addTrack(track);
  }

  /** As loud as the loudest of the elements that play it. */
  update() {
    let volume = 0;
    for (const [element, given] of this.present()) {
      const sounds = given.stream.getAudioTracks().some((track) => this.isOurs(track) && track.enabled);
      if (sounds && this.isPlayed(given) && !element.paused && !element.muted) volume = Math.max(volume, element.volume);
    }
    this.sound.play(volume);
  }

  /** Milliseconds from the audio thread to the ear; zero where no element plays it. */
  get delay() {
    const { context, volume } = this.sound;
    if (!context || volume === 0) return 0;
    return context.outputLatency ? (context.outputLatency + context.baseLatency) * 1000 : UNSAID;
  }
}
