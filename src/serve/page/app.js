'use strict';
// The live page. One WebSocket brings pictures, levels, statistics and the devices; what is changed goes by POST.
// docs/serve.md describes the messages. What may be asked of the devices is in forms.js.

const $ = (id) => document.getElementById(id);
const HEADER = 40;
const PICTURE = 1;
const LEVEL = 3;

let socket = null;
let state = null;
let devices = [];
let retryIn = 500;
let paused = false;
/** The camera that the form shows, until another is chosen. */
let shownCamera = null;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'text') made.textContent = value;
    else if (key === 'class') made.className = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// ---------------------------------------------------------------- the connection

function connect() {
  const address = new URL('ws?credit=2', location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => { retryIn = 500; want(); };
  socket.onmessage = ({ data }) => (typeof data === 'string' ? onText(JSON.parse(data)) : onBinary(data));
  socket.onclose = () => {
    lost();
    setTimeout(connect, retryIn);
    retryIn = Math.min(retryIn * 2, 8000);
  };
}

function say(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

/** Nothing is sent that nobody sees. */
function want() {
  say({ pictures: !paused && !document.hidden, levels: !document.hidden, state: true });
}

function lost() {
  setStatus('lost', 'not connected');
  cover('Not connected', 'The service does not answer. It may have been stopped; a new start has a new link.', '', false);
}

function onText(message) {
  if (message.type === 'state') {
    state = message.state;
    showState();
  } else if (message.type === 'devices') {
    devices = message.devices;
    showDevices();
    showForms();
  }
}

function onBinary(data) {
  const head = new DataView(data, 0, HEADER);
  const kind = head.getUint8(0);
  if (kind === PICTURE) {
    interval(head.getBigUint64(16, true), head.getBigUint64(8, true), head.getUint8(2));
    show(new Blob([new Uint8Array(data, HEADER)], { type: 'image/jpeg' }));
  } else if (kind === LEVEL) {
    level(new Float32Array(data, HEADER));
  }
}

// ---------------------------------------------------------------- the picture

const view = $('view');
const paint = view.getContext('2d', { alpha: false });

async function show(blob) {
  try {
    const bitmap = await createImageBitmap(blob);
    if (view.width !== bitmap.width || view.height !== bitmap.height) {
      view.width = bitmap.width;
      view.height = bitmap.height;
    }
    paint.drawImage(bitmap, 0, 0);
    bitmap.close();
    if (state && state.video.state === 'live') $('cover').hidden = true;
  } catch {
    // A damaged picture: the next one comes.
  }
  // The place of this one is free: at most two are on their way, so that what is shown is new.
  say({ credit: 1 });
}

function cover(title, text, remedy, canRetry) {
  $('reason-title').textContent = title;
  $('reason-text').textContent = text;
  $('reason-remedy').textContent = remedy;
  $('reason-remedy').hidden = !remedy;
  $('retry').hidden = !canRetry;
  $('cover').hidden = false;
}

// ---------------------------------------------------------------- the level

const meters = $('meters');
let peaks = [];
let toldAt = 0;

const decibels = (value) => Math.max(-60, 20 * Math.log10(Math.max(value, 1e-6)));

function level(values) {
  const channels = values.length / 2;
  if (meters.childElementCount !== channels) {
    meters.replaceChildren(...Array.from({ length: channels }, () =>
      element('div', { class: 'meter' }, element('i'), element('b'))));
    peaks = new Array(channels).fill(-60);
  }
  let loudest = -60;
  for (let channel = 0; channel < channels; channel += 1) {
    const rms = decibels(values[2 * channel]);
    const peak = decibels(values[2 * channel + 1]);
    // The mark falls by 12 dB a second, fifty times a second.
    peaks[channel] = Math.max(peak, peaks[channel] - 0.24);
    loudest = Math.max(loudest, peak);
    const [bar, mark] = meters.children[channel].children;
    bar.style.transform = `translateX(${((rms + 60) / 60) * 100}%)`;
    mark.style.left = `calc(${((peaks[channel] + 60) / 60) * 100}% - 2px)`;
  }
  const now = performance.now();
  if (now - toldAt > 250) {
    toldAt = now;
    const said = loudest <= -60 ? 'silence' : `${loudest.toFixed(0)} dB`;
    $('decibel').textContent = loudest <= -60 ? '−∞ dB' : said.replace('-', '−');
    meters.setAttribute('aria-valuenow', loudest.toFixed(0));
    meters.setAttribute('aria-valuetext', said);
  }
}

// ---------------------------------------------------------------- the time between frames

const plot = $('plot');
const intervals = [];
let last = { stamp: 0n, number: 0n, track: -1 };

/** Of neighbours alone: what this page was too slow for says nothing of the camera. */
function interval(stamp, number, track) {
  if (track === last.track && number === last.number + 1n && stamp > last.stamp) {
    intervals.push(Number(stamp - last.stamp) / 1e6);
    if (intervals.length > 160) intervals.shift();
  }
  last = { stamp, number, track };
}

function drawIntervals() {
  const context = plot.getContext('2d');
  const { width, height } = plot;
  context.clearRect(0, 0, width, height);
  if (intervals.length < 2) return;
  const most = Math.max(50, ...intervals) * 1.1;
  context.strokeStyle = getComputedStyle(document.body).getPropertyValue('--accent');
  context.lineWidth = 2.5;
  context.beginPath();
  intervals.forEach((value, index) => {
    const x = (index / 159) * width;
    const y = height - (value / most) * height;
    if (index === 0) context.moveTo(x, y); else context.lineTo(x, y);
  });
  context.stroke();
  const mean = intervals.reduce((sum, value) => sum + value, 0) / intervals.length;
  $('jitter').textContent = `${mean.toFixed(1)} ms (${Math.min(...intervals).toFixed(1)} to ${Math.max(...intervals).toFixed(1)})`;
}

// ---------------------------------------------------------------- what is told

const REASONS = {
  stalled: 'The camera streams, but no frame comes.',
  'no-signal': 'Nothing is connected to the input.',
  unplugged: 'The camera was unplugged. Plug it in again, at any port: the picture goes on by itself.',
  suspended: 'The system slept.',
  failing: 'The driver answers with errors.',
  reconfiguring: 'The camera is being started in another mode.',
};

function setStatus(kind, text) {
  $('status').dataset.state = kind;
  $('status').textContent = text;
}

const sentence = (text) => text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

function showState() {
  const { video, audio } = state;
  $('title').textContent = video.label || audio.label || '';
  document.title = video.label ? `${video.label} · usermedia` : 'usermedia';
  $('synthetic').hidden = !state.synthetic;
  setStatus(video.state, video.state === 'muted' ? `muted: ${video.reason}` : video.state);
  if (video.state === 'muted') cover('No picture for now', REASONS[video.reason] || video.reason, '', false);
  else if (video.state === 'missing') {
    cover(missing(video.error), sentence(video.error.message), sentence(video.error.remedy || ''), true);
  } else if (video.state === 'starting') cover('Starting', 'The camera is being opened.', '', false);
  else if (video.state === 'off') cover('No camera', 'None was asked for. Choose one beside.', '', false);
  else if (state.serve.problem) {
    cover('No picture of this format', sentence(state.serve.problem.message), sentence(state.serve.problem.remedy || ''), false);
  } else if (paused) cover('Paused', 'The camera goes on; nothing is sent.', '', false);

  const settings = video.settings;
  $('chip-mode').textContent = settings ? `${settings.width}×${settings.height} ${settings.fourcc || ''}` : '–';
  const age = video.consumers && video.consumers[0] && video.consumers[0].ageSeconds;
  $('chip-rate').textContent = `${state.source.captured_fps} fps`;
  $('chip-age').textContent = age && age.p50 !== null ? `${(age.p50 * 1000).toFixed(1)} ms` : '–';

  $('sound').hidden = audio.state === 'off';
  $('sound-name').textContent = audio.label || 'Microphone';
  if (audio.state !== 'live') {
    meters.replaceChildren();
    $('decibel').textContent = audio.state === 'muted' ? audio.reason : audio.state;
  }
  const note = audio.error ? [sentence(audio.error.message), sentence(audio.error.remedy || '')].join(' ') : '';
  $('microphone-note').textContent = note;
  $('microphone-note').hidden = !note;

  drawIntervals();
  showStatistics();
  showEvents();
  const camera = settings && settings.deviceId;
  if (camera !== shownCamera) {
    shownCamera = camera;
    chosen = {};
    showForms();
  } else {
    showControlValues();
  }
}

function missing(error) {
  return {
    NotFoundError: 'No camera',
    NotAllowedError: 'Not allowed',
    NotReadableError: 'The camera cannot be used',
    OverconstrainedError: 'No camera does that',
  }[error.name] || 'No picture';
}

const count = (value) => (value === undefined || value === null ? '–' : value.toLocaleString('en-GB'));
const milliseconds = (seconds) => (seconds === null || seconds === undefined ? '–' : `${(seconds * 1000).toFixed(1)} ms`);

function showStatistics() {
  const { video, audio, serve, stream } = state;
  const source = video.source || {};
  const age = (video.consumers && video.consumers[0] && video.consumers[0].ageSeconds) || {};
  const losses = source.captured === undefined ? null :
    source.lostInDriver + source.error + source.short + source.badJpeg + source.duplicate + source.starved;
  const rows = [
    ['Frames captured', count(source.captured)],
    ['Frames lost', count(losses), losses > 0],
    ['Measured rate', source.frameRate ? `${source.frameRate.toFixed(2)} fps` : '–'],
    ['Age, median and p99', `${milliseconds(age.p50)}, ${milliseconds(age.p99)}`],
    ['Muted', source.mutedSeconds ? `${source.mutedSeconds.toFixed(1)} s` : 'never'],
    ['Viewers', count(stream.clients)],
    ['Sent without a copy', count(serve.lent)],
    ['Encoded here', count(serve.encoded)],
  ];
  if (audio.source) {
    rows.push(['Sound', `${(audio.source.captured / audio.settings.sampleRate).toFixed(0)} s`]);
    rows.push(['Sound overruns', count(audio.source.xruns), audio.source.xruns > 0]);
  }
  $('statistics').replaceChildren(...rows.flatMap(([name, value, bad]) =>
    [element('dt', { text: name }), element('dd', { text: value, class: bad ? 'bad' : '' })]));
}

function showEvents() {
  const events = [...(state.video.events || []), ...(state.audio.events || [])].sort((a, b) => b.timestamp - a.timestamp);
  $('events-card').hidden = events.length === 0;
  $('events').replaceChildren(...events.slice(0, 30).map((event) => element('li', {},
    element('span', { text: event.step.replace('-', ' ') }),
    element('small', {
      text: [event.reason, event.error && event.error.message,
        event.afterSeconds !== undefined && `after ${event.afterSeconds.toFixed(2)} s`].filter(Boolean).join(', '),
    }))));
}

function showDevices() {
  $('devices').replaceChildren(...devices.map((device) => {
    const about = device.kind === 'videoinput' ? modesInWords(device) : soundInWords(device);
    const item = element('li', {}, element('strong', { text: device.label }),
      element('small', { text: `${device.path} · ${device.deviceId}` }), element('small', { text: about }));
    if (device.unusable) {
      const { message, remedy } = device.unusable;
      item.append(element('small', { class: 'unusable', text: [sentence(message), sentence(remedy || '')].join(' ') }));
    }
    return item;
  }));
  if (devices.length === 0) $('devices').append(element('li', { text: 'There are none.' }));
}

function modesInWords({ modes = [] }) {
  return modes.map((mode) => `${mode.fourcc} ${span(mode.width)}×${span(mode.height)} at ${ratesInWords(mode)}`).join('; ');
}

const span = (value) => (typeof value === 'number' ? value : `${value.min}–${value.max}`);
const number = (rate) => { const [above, below] = String(rate).split('/').map(Number); return above / (below || 1); };
const pretty = (value) => String(Math.round(value * 100) / 100);

function ratesInWords({ frameRates }) {
  if (!frameRates) return 'a rate of its own';
  if (Array.isArray(frameRates)) return frameRates.map((rate) => pretty(number(rate))).join(', ');
  return `${pretty(number(frameRates.min))}–${pretty(number(frameRates.max))}`;
}

function soundInWords({ sampleRate, channelCount }) {
  const rates = Array.isArray(sampleRate) ? sampleRate.join(', ') : sampleRate ? `${sampleRate.min}–${sampleRate.max}` : '';
  const channels = Array.isArray(channelCount) ? channelCount.join(', ') : channelCount ? span(channelCount) : '';
  return [rates && `${rates} Hz`, channels && `${channels} channels`].filter(Boolean).join(', ');
}
