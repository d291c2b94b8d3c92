// ---------------------------------------------------------------- the loudspeaker

/** Milliseconds from the audio thread to the ear where a browser does not say: WebKitGTK's with PulseAudio. */
const UNSAID = 50;

/** Whether elements of this engine are silent with sound that a script made: WebKitGTK's drop it all as too late (2.50). */
const isDumb = /^Apple/.test(navigator.vendor) && /Linux/.test(navigator.platform);

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
    /** What elements were given by the page, and what they have of it. */
    this.elements = new Map();
    this.listener = () => this.update();
  }

  /** Has every element ask here what it is to show. */
  install() {
    const loudspeaker = this;
    const own = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
    Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
      ...own,
      get() {
        const given = loudspeaker.elements.get(this);
        return given ? given.stream : own.get.call(this);
      },
      set(stream) {
        own.set.call(this, loudspeaker.take(this, stream));
      },
    });
  }

  isOurs(track) {
    return this.tracks.has(track);
  }

  /** What an element is to have of this stream. */
  take(element, stream) {
    this.leave(element);
    if (!(stream instanceof MediaStream) || !stream.getAudioTracks().some((track) => this.isOurs(track))) return stream;
    const others = stream.getTracks().filter((track) => !this.isOurs(track));
    // With sound alone there is no picture that it would be late for.
    if (others.length === 0 && !isDumb) return stream;
    const rest = others.length === 0 ? stream : new MediaStream(others);
    this.elements.set(element, { stream, rest });
    for (const event of ['play', 'playing', 'pause', 'volumechange', 'ended']) element.addEventListener(event, this.listener);
    this.update();
    return rest;
  }

  leave(element) {
    if (!this.elements.delete(element)) return;
    for (const event of ['play', 'playing', 'pause', 'volumechange', 'ended']) element.removeEventListener(event, this.listener);
    this.update();
  }

  /** A stream has other tracks now. */
  changed(stream) {
    for (const given of this.elements.values()) {
      if (given.stream !== stream || given.rest === stream) continue;
      const wanted = stream.getTracks().filter((track) => !this.isOurs(track));
      for (const track of given.rest.getTracks()) if (!wanted.includes(track)) given.rest.removeTrack(track);
      for (const track of wanted) given.rest.addTrack(track);
    }
    this.update();
  }

  /** As loud as the loudest of the elements that play it. */
  update() {
    let volume = 0;
    for (const [element, { stream }] of this.elements) {
      const sounds = stream.getAudioTracks().some((track) => this.isOurs(track) && track.enabled);
      if (sounds && !element.paused && !element.muted) volume = Math.max(volume, element.volume);
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
