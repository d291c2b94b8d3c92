'use strict';
// Figures: how old pictures are when they are seen, and how far sound is from them.

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

/** Ages of what `picture` shows, in milliseconds, by `ageOf(number)`; and the moments when its flash went on. */
function observe(picture, ageOf) {
  const found = { ages: [], flashes: [], numbers: 0, last: null };
  const corner = document.createElement('canvas');
  Object.assign(corner, { width: 1, height: 1 });
  const paint = corner.getContext('2d', { willReadFrequently: true });
  let wasLit = true;
  watch(picture, () => {
    const width = picture.videoWidth || picture.width;
    const height = picture.videoHeight || picture.height;
    const number = numberIn(picture, width, height);
    if (number === null || number === found.last) return;
    found.last = number;
    found.numbers += 1;
    const age = ageOf(number);
    if (age !== null) found.ages.push(age);
    paint.drawImage(picture, Math.floor(width * 0.95), Math.floor(height * 0.05), 1, 1, 0, 0, 1, 1);
    const isLit = paint.getImageData(0, 0, 1, 1).data[1] > 128;
    if (isLit && !wasLit) found.flashes.push(performance.now());
    wasLit = isLit;
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

/** For each tick the nearest flash: how much later the tick came, in milliseconds. */
function skews(ticks, flashes) {
  return ticks.flatMap((tick) => {
    const nearest = Math.min(...flashes.map((flash) => Math.abs(tick - flash)));
    if (nearest > 400) return [];
    return [flashes.some((flash) => tick - flash === nearest) ? nearest : -nearest];
  });
}
