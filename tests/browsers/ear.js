'use strict';
// On the audio thread: when a tick of the built-in microphone begins.

registerProcessor('ear', class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.last = -1;
  }

  process([input]) {
    const samples = input[0] || [];
    const at = samples.findIndex((sample) => Math.abs(sample) > 0.3);
    const now = currentTime + at / sampleRate;
    if (at >= 0 && now - this.last > 0.5) {
      this.last = now;
      this.port.postMessage(now);
    }
    return true;
  }
});
