'use strict';
// What the tests' pages can do: wait, read the frame's number in the picture, hear the tone.

const video = document.getElementById('video');
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Waits until `holds` gives something; a page that waits for what never comes says for what. */
async function eventually(what, holds) {
  for (const deadline = Date.now() + 60000; ;) {
    const held = await holds();
    if (held) return held;
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await pause(20);
  }
}

/** The error of what must fail. */
async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    const { name, message, constraint, remedy } = error;
    return { name, message, constraint, remedy, type: Object.prototype.toString.call(error), isTypeError: error instanceof TypeError };
  }
  throw new Error('it did not fail');
}

/** What the error callback of 2012 gets. */
async function failure2012(constraints) {
  const error = await new Promise((failed, success) => { navigator.getUserMedia(constraints, success, failed); });
  const { name, code, constraint, cause } = error;
  return { name, code, own: error[name], constraint, cause: cause.name };
}

const strip = document.createElement('canvas');
Object.assign(strip, { width: 40, height: 1 });
const read = strip.getContext('2d', { willReadFrequently: true });
read.imageSmoothingEnabled = false;

/**
 * The frame's number in a picture of the built-in camera, which stands in the lowest eighth as 40 cells: 32 bits and 8 of
 * checksum (src/capture/synthetic/pattern.rs). Null where there is none.
 */
function numberIn(picture, width = picture.videoWidth || picture.width, height = picture.videoHeight || picture.height) {
  if (!width) return null;
  read.drawImage(picture, 0, Math.floor(height * 15 / 16), width, 1, 0, 0, 40, 1);
  const { data } = read.getImageData(0, 0, 40, 1);
  const bits = Array.from({ length: 40 }, (_, cell) => (data[4 * cell + 1] >= 128 ? 1 : 0));
  const value = (from, to) => bits.slice(from, to).reduce((sum, bit) => sum * 2 + bit, 0);
  const number = value(0, 32);
  let sum = 0x5a;
  for (const shift of [24, 16, 8, 0]) sum = (((sum << 1) | (sum >>> 7)) & 0xff) ^ ((number / 2 ** shift) & 0xff);
  return sum === value(32, 40) ? number : null;
}

const nextNumber = (before) => eventually(`a picture after ${before}`, () => {
  const number = numberIn(video);
  return number !== null && number > before ? number : null;
});

async function show(stream) {
  video.srcObject = stream;
  await video.play();
}

/** Waits until the loudest tone of a stream is this one, in hertz. */
async function hear(stream, wanted) {
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(stream).connect(analyser);
  const levels = new Float32Array(analyser.frequencyBinCount);
  await eventually(`a tone of ${wanted} Hz`, () => {
    analyser.getFloatFrequencyData(levels);
    const loudest = levels.indexOf(Math.max(...levels));
    return levels[loudest] > -50 && Math.abs((loudest * context.sampleRate) / analyser.fftSize - wanted) < 10;
  });
  await context.close();
}
