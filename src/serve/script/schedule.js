// ---------------------------------------------------------------- sound from the page's own thread

/** Frames that the audio thread makes at once. */
const QUANTUM = 128;

/**
 * Plays blocks as a worklet does, from the page's own thread: what can be rendered is rendered when a block comes, for the audio
 * thread to play at its time. The way of pages without a secure context, which have no worklet, and of WebKitGTK, whose ports lead
 * through the page's thread once more, behind what it draws (docs/usermedia-js.md has how long that takes).
 */
class Schedule {
  /**
   * @param {BaseAudioContext} context
   * @param {AudioNode} node where it is played
   * @param {number} channels
   */
  constructor(context, node, channels) {
    this.context = context;
    this.node = node;
    this.channels = channels;
    this.player = new Playout(context.sampleRate);
    /** Until when there is something to play, in frames of the context. */
    this.until = 0;
  }

  push({ samples, rate, late, gap }) {
    const { player, context: { currentTime, sampleRate } } = this;
    // The next that the audio thread asks for may be under way already.
    const now = Math.ceil(currentTime * sampleRate) + QUANTUM;
    // What did not come in time is not played later: time goes on in silence.
    const missed = Math.min(now - this.until, 2 * sampleRate);
    if (missed > 0) {
      player.render([new Float32Array(missed)]);
      this.until = now;
    }
    const ahead = ((this.until - now) / sampleRate) * 1000;
    player.push(samples, rate, late + ahead, gap, ahead);
    const frames = player.ready();
    if (frames === 0) return;
    const buffer = new AudioBuffer({ numberOfChannels: this.channels, length: frames, sampleRate });
    player.render(Array.from({ length: this.channels }, (_, at) => buffer.getChannelData(at)));
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.node);
    source.start(this.until / sampleRate);
    this.until += frames;
  }
}
