'use strict';
// Figures: how old pictures are when they are seen, and how much older sound is when it is heard.

/** Calls `seen` for each picture that a video shows, or that a canvas has at a repaint. */
function watch(picture, seen) {
  const next = picture.requestVideoFrameCallback
    ? () => picture.requestVideoFrameCallback(() => { seen(); next(); })
    : () => requestAnimationFrame(() => { seen(); next(); });
  next();
}

function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part) => (sorted.length ? Math.round(sorted[Math.floor(part * (sorted.length - 1))] * 10) / 10 : null);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1), count: sorted.length };
}

/**
 * Ages of what `picture` shows, in milliseconds, by `ageOf(number)`: of one picture in ten. To look at one costs a second
 * conversion of it where no graphics card does it, as much as to show it.
 */
function observe(picture, ageOf) {
  const found = { ages: [], shown: 0 };
  watch(picture, () => {
    found.shown += 1;
    if (found.shown % 10 !== 0) return;
    const number = numberIn(picture);
    const age = number === null ? null : ageOf(number);
    if (age !== null) found.ages.push(age);
  });
  return found;
}

/** The moments of a stream's ticks, by performance.now(): where they lie in what the audio thread renders. */
async function listen(stream) {
  const context = new AudioContext({ sampleRate: 48000 });
  await context.resume();
  await context.audioWorklet.addModule('ear.js');
  const ear = new AudioWorkletNode(context, 'ear');
  const ticks = [];
  const leads = [];
  // Rendering goes by pieces: what lies between its clock and the page's is the middle of many readings.
  setInterval(() => {
    leads.push(performance.now() - context.currentTime * 1000);
    if (leads.length > 200) leads.shift();
  }, 37);
  ear.port.onmessage = ({ data }) => {
    const middle = [...leads].sort((a, b) => a - b)[Math.floor(leads.length / 2)];
    if (middle !== undefined) ticks.push(data * 1000 + middle);
  };
  context.createMediaStreamSource(stream).connect(ear).connect(context.destination);
  return ticks;
}

/**
 * How much older sound is than the picture when it comes out of the stream, in milliseconds: ticks begin at whole seconds of
 * the service's clock (src/capture/synthetic/beat.rs).
 */
function skews(ticks, ages, offset) {
  const { p50 } = summary(ages);
  return ticks.map((tick) => ((tick + offset) % 1000) - p50);
}
