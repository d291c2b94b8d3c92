'use strict';
// What may be asked of the camera and the microphone, and the buttons. After app.js, which has the connection and the state.

/** Sizes to choose from where a camera gives a range. */
const TABLE = [[1920, 1080], [1280, 720], [960, 720], [640, 360], [640, 480], [320, 240], [320, 180]];
const RATES = [5, 10, 15, 20, 24, 25, 30, 50, 60, 90, 120];
/** Controls that were set here: constraints that are applied replace all that were before. */
let chosen = {};

const cameras = () => devices.filter(({ kind }) => kind === 'videoinput');
const deviceOf = (id) => devices.find(({ deviceId }) => deviceId === id);

function showForms() {
  const camera = $('camera');
  const kept = state && state.video.settings ? state.video.settings.deviceId : camera.value;
  camera.replaceChildren(...cameras().map((device) => {
    const option = element('option', { value: device.deviceId, text: device.label });
    option.disabled = Boolean(device.unusable) && device.deviceId !== kept;
    return option;
  }));
  if (kept) camera.value = kept;
  const none = cameras().length === 0;
  if (none) camera.append(element('option', { value: '', text: 'none' }));
  for (const id of ['camera', 'size', 'rate', 'apply']) $(id).disabled = none;
  const microphone = $('microphone');
  const chosenMicrophone = state && state.audio.settings ? state.audio.settings.deviceId : '';
  microphone.replaceChildren(element('option', { value: '', text: 'none' }), ...devices
    .filter(({ kind }) => kind === 'audioinput')
    .map((device) => element('option', { value: device.deviceId, text: device.label })));
  microphone.value = chosenMicrophone;
  showSizes();
  showControls();
}

/** The sizes of a camera, each with the mode it is of. */
function sizes(device) {
  const found = [];
  (device.modes || []).forEach((mode, index) => {
    if (typeof mode.width === 'number') {
      found.push({ width: mode.width, height: mode.height, mode, index });
      return;
    }
    const fits = (value, range) => (typeof range === 'number' ? value === range :
      value >= range.min && value <= range.max && (value - range.min) % (range.step || 1) === 0);
    TABLE.filter(([width, height]) => fits(width, mode.width) && fits(height, mode.height))
      .forEach(([width, height]) => found.push({ width, height, mode, index }));
  });
  return found;
}

function showSizes() {
  const device = deviceOf($('camera').value);
  const settings = state && state.video.settings;
  const select = $('size');
  const found = device ? sizes(device) : [];
  select.replaceChildren(...found.map(({ width, height, mode, index }) => element('option', {
    value: `${index}:${width}x${height}`, text: `${width}×${height} ${mode.fourcc}`,
  })));
  const running = settings && device && settings.deviceId === device.deviceId && found.find(({ width, height, mode }) =>
    width === settings.width && height === settings.height && mode.fourcc === settings.fourcc);
  if (running) select.value = `${running.index}:${running.width}x${running.height}`;
  showRates();
}

function chosenSize() {
  const device = deviceOf($('camera').value);
  return device && sizes(device).find(({ width, height, index }) => `${index}:${width}x${height}` === $('size').value);
}

function showRates() {
  const size = chosenSize();
  const rates = (size && size.mode.frameRates) || [];
  const list = Array.isArray(rates) ? rates :
    RATES.filter((rate) => rate >= number(rates.min) && rate <= number(rates.max)).map(String);
  const settings = state && state.video.settings;
  $('rate').replaceChildren(...list.map((rate) => element('option', { value: rate, text: pretty(number(rate)) })));
  const running = settings && settings.frameRate && list.find((rate) => Math.abs(number(rate) - number(settings.frameRate)) < 0.01);
  if (running) $('rate').value = running;
  else if (list.length > 0) $('rate').value = list.find((rate) => number(rate) <= 30.01) || list[0];
}

/** The mode that the form shows, as constraints. */
function modeConstraints() {
  const size = chosenSize();
  const constraints = { deviceId: { exact: $('camera').value } };
  if (size) {
    Object.assign(constraints, {
      width: { exact: size.width }, height: { exact: size.height }, pixelFormat: { exact: size.mode.fourcc },
    });
  }
  if ($('rate').value) constraints.frameRate = { ideal: number($('rate').value) };
  return constraints;
}

/** The mode that runs, as constraints: controls alone must not change it. */
function runningConstraints() {
  const { deviceId, width, height, fourcc, frameRate } = state.video.settings;
  const constraints = { deviceId: { exact: deviceId }, width: { exact: width }, height: { exact: height } };
  if (fourcc) constraints.pixelFormat = { exact: fourcc };
  if (frameRate) constraints.frameRate = { ideal: number(frameRate) };
  return constraints;
}

const withControls = (constraints) => ({
  ...constraints,
  ...Object.fromEntries(Object.entries(chosen).map(([name, value]) => [name, { exact: value }])),
});

async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.ok) {
      complain('');
      state = JSON.parse(text).result;
      showState();
      return true;
    }
    const error = text.startsWith('{') ? JSON.parse(text).error : { message: text };
    complain([sentence(error.message), sentence(error.remedy || '')].join(' '));
  } catch {
    complain('The service does not answer.');
  }
  return false;
}

function complain(text) {
  $('message').textContent = text;
  $('message').hidden = !text;
}

// ---------------------------------------------------------------- the camera's controls

/** exposureTime → Exposure time. */
const words = (name) => name.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`).replace(/^./, (letter) => letter.toUpperCase());

function showControls() {
  const running = state && state.video.settings && deviceOf(state.video.settings.deviceId);
  const controls = Object.entries((running && running.controls) || {});
  $('controls-card').hidden = controls.length === 0;
  $('controls').replaceChildren(...controls.map(([name, range]) => control(name, range)));
  showControlValues();
}

function control(name, range) {
  const id = `control-${name}`;
  const label = element('label', { for: id, text: words(name) });
  if (!Array.isArray(range)) {
    const input = element('input', { type: 'range', id, min: range.min, max: range.max, step: range.step || 'any' });
    const output = element('output', { for: id });
    input.addEventListener('input', () => { output.textContent = input.value; });
    input.addEventListener('change', () => setControl(name, Number(input.value)));
    return element('div', { class: 'control' }, label, output, input);
  }
  if (typeof range[0] === 'boolean') {
    const input = element('input', { type: 'checkbox', id });
    input.addEventListener('change', () => setControl(name, input.checked));
    return element('div', { class: 'control' }, label, input);
  }
  const select = element('select', { id }, ...range.map((value) => element('option', { value, text: value })));
  select.addEventListener('change', () => setControl(name, typeof range[0] === 'number' ? Number(select.value) : select.value));
  return element('div', { class: 'control' }, label, select);
}

function showControlValues() {
  const settings = (state && state.video.settings) || {};
  for (const holder of $('controls').children) {
    const input = holder.querySelector('input, select');
    // What somebody moves at this moment stays in the hand.
    if (input === document.activeElement && input.type === 'range') continue;
    const value = settings[input.id.replace('control-', '')];
    if (value === undefined) continue;
    if (input.type === 'checkbox') input.checked = value; else input.value = value;
    const output = holder.querySelector('output');
    if (output) output.textContent = pretty(value);
  }
}

async function setControl(name, value) {
  const before = { ...chosen };
  chosen[name] = value;
  if (!await post('constraints', { video: withControls(runningConstraints()) })) chosen = before;
  showControlValues();
}

// ---------------------------------------------------------------- what one can do

$('camera').addEventListener('change', showSizes);
$('size').addEventListener('change', showRates);
$('camera-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  $('apply').disabled = true;
  await post('constraints', { video: withControls(modeConstraints()) });
  $('apply').disabled = false;
});
$('microphone').addEventListener('change', async ({ target }) => {
  await post('constraints', { audio: target.value ? { deviceId: { exact: target.value } } : false });
  showForms();
});
$('defaults').addEventListener('click', async () => {
  const running = deviceOf(state.video.settings.deviceId);
  chosen = Object.fromEntries(Object.entries(running.controls)
    .filter(([name, range]) => range.default !== undefined && state.video.settings[name] !== range.default)
    .map(([name, range]) => [name, range.default]));
  await post('constraints', { video: withControls(runningConstraints()) });
});
$('retry').addEventListener('click', () => post('retry', {}));
$('pause').addEventListener('click', ({ target }) => {
  paused = !paused;
  target.setAttribute('aria-pressed', paused);
  target.textContent = paused ? 'Go on' : 'Pause';
  if (paused) cover('Paused', 'The camera goes on; nothing is sent.', '', false);
  want();
});
$('full').addEventListener('click', () => {
  if (document.fullscreenElement) document.exitFullscreen(); else $('picture').requestFullscreen();
});
$('snapshot').addEventListener('click', ({ currentTarget }) => {
  currentTarget.download = `snapshot-${new Date().toISOString().replace(/[:.]/g, '-')}.jpg`;
});
document.addEventListener('visibilitychange', want);
connect();
