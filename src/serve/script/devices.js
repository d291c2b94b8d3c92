// ---------------------------------------------------------------- devices

/** The names of constraints that are known: W3C's, Image Capture's, and this engine's own. */
const SUPPORTED = [
  'deviceId', 'groupId', 'facingMode', 'pixelFormat', 'width', 'height', 'aspectRatio', 'frameRate', 'resizeMode',
  'backgroundBlur', 'sampleRate', 'sampleSize', 'channelCount', 'latency', 'echoCancellation', 'autoGainControl',
  'noiseSuppression',
  'exposureMode', 'whiteBalanceMode', 'focusMode', 'constantFrameRate', 'torch', 'exposureTime',
  'exposureCompensation', 'colorTemperature', 'focusDistance', 'brightness', 'contrast', 'saturation', 'sharpness',
  'pan', 'tilt', 'zoom',
];

const deviceOf = (id) => (wire.devices || []).find(({ deviceId }) => deviceId === id) || {};

/** What enumerateDevices gives. Labels are always there: who may connect may know them. */
function shownDevice({ kind, deviceId, groupId, label }) {
  const facts = { kind, deviceId, groupId, label };
  const type = typeof InputDeviceInfo === 'function' ? InputDeviceInfo : Object;
  return define(Object.create(type.prototype), {
    ...facts,
    toJSON: () => ({ ...facts }),
    getCapabilities: () => capabilities(kind === 'videoinput' ? 'video' : 'audio', deviceId),
  });
}

/** The least and the most of what lists and ranges have. */
function span(values) {
  const ends = values.flat().flatMap((value) => (value && typeof value === 'object' ? [value.min, value.max] : [value]));
  const known = ends.filter((end) => end !== undefined && end !== null).map(rate);
  return known.length === 0 ? undefined : { min: Math.min(...known), max: Math.max(...known) };
}

/** What a device can do, as W3C words it: smaller sizes and lower rates are made of the camera's own. */
function capabilities(kind, id) {
  const device = deviceOf(id);
  const found = { deviceId: device.deviceId || id || '', groupId: device.groupId || '' };
  if (kind === 'audio') {
    const spans = { sampleRate: [device.sampleRate], channelCount: [device.channelCount], latency: [device.latency] };
    for (const [name, values] of Object.entries(spans)) if (values[0] !== undefined) found[name] = span(values);
    return { ...found, echoCancellation: [false], autoGainControl: [false], noiseSuppression: [false] };
  }
  const modes = device.modes || [];
  const [width, height] = [span(modes.map((mode) => mode.width)), span(modes.map((mode) => mode.height))];
  const frameRate = span(modes.map((mode) => mode.frameRates || []));
  if (width && height) {
    Object.assign(found, { width: { min: 1, max: width.max }, height: { min: 1, max: height.max } });
    found.aspectRatio = { min: 1 / height.max, max: width.max };
  }
  if (frameRate) found.frameRate = { min: 0, max: frameRate.max };
  return {
    ...found,
    facingMode: device.facingMode ? [device.facingMode] : [],
    resizeMode: ['none', 'crop-and-scale'],
    pixelFormat: [...new Set(modes.map((mode) => mode.fourcc))],
    ...device.controls,
  };
}
