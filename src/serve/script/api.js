// ---------------------------------------------------------------- what a page calls

/**
 * Milliseconds that sound may come after its picture: a track adds some of its own, and it stays far below what people notice, 125
 * (ITU-R BT.1359-1).
 */
const UNNOTICED = 30;

/** Milliseconds that pictures are old at most for having waited for sound. */
const OLDEST = 62;

const pictures = new Pictures();
const sound = new Sound();
const video = new Source('video', 'pictures', pictures);
const audio = new Source('audio', 'sound', sound);
const loudspeaker = new Loudspeaker(sound, audio.tracks);
audio.onchange = () => loudspeaker.update();

/** The browser's own, for who wants both. */
const native = (() => {
  const devices = navigator.mediaDevices;
  const bound = (name) => (devices && devices[name] ? devices[name].bind(devices) : undefined);
  return {
    getUserMedia: bound('getUserMedia'),
    enumerateDevices: bound('enumerateDevices'),
    getSupportedConstraints: bound('getSupportedConstraints'),
    navigatorGetUserMedia: navigator.getUserMedia && navigator.getUserMedia.bind(navigator),
  };
})();

/** In an insecure context the browser has none of its own. */
const mediaDevices = navigator.mediaDevices || define(new EventTarget(), { ondevicechange: null });
const isOwnTarget = mediaDevices !== navigator.mediaDevices;

wire.onpicture = (message) => pictures.take(message);
wire.onsound = (message) => sound.take(message);
wire.onstate = (state) => {
  if (video.base) video.know(state.video);
  if (audio.base) hear(state.audio);
  // Sound is heard when its picture is seen. Each waits for what the other cannot do without, and not for its waiting: two
  // that followed each other would drift away together.
  // The first pictures are those of a start, and say nothing of the next.
  if (!video.base || !audio.base || pictures.ready.count <= 60) return;
  sound.follow(pictures.ready.quantile(0.5) - loudspeaker.delay);
};
/** A picture that was taken after the track was muted says sooner than the state that it is not any more. */
pictures.onshown = ({ stamp }) => { if (video.reason !== null && stamp > video.mutedAt) video.mute(null); };
pictures.lag = () => {
  if (!sound.report || sound.report.delay === null || sound.silenced) return 0;
  return Math.min(sound.report.least + loudspeaker.delay - UNNOTICED, OLDEST);
};
sound.onheard = () => { if (audio.base && wire.state) hear(wire.state.audio); };

/** What the service says of the microphone; and a page that the browser keeps silent hears nothing. */
function hear(part) {
  audio.know(part.state === 'live' && sound.silenced ? { ...part, state: 'muted', reason: 'autoplay' } : part);
}

wire.ondown = () => {
  for (const source of [video, audio]) if (source.base) source.mute('disconnected');
};

/** The service is there again, perhaps another process: it is asked again for what this page had. */
wire.onup = async () => {
  for (const source of [video, audio]) {
    if (!source.base || source.asked === null) continue;
    source.opened = 0;
    try {
      await source.ask(source.asked);
    } catch (error) {
      // What a later try may give is waited for.
      if (['OverconstrainedError', 'NotAllowedError', 'TypeError'].includes(error.name)) source.end(error);
    }
  }
};

let listed = null;
wire.ondevices = (devices) => {
  const now = JSON.stringify(devices.map(({ kind, deviceId, label, unusable }) => [kind, deviceId, label, Boolean(unusable)]));
  if (listed !== null && listed !== now) {
    const event = new Event('devicechange');
    mediaDevices.dispatchEvent(event);
    if (isOwnTarget && typeof mediaDevices.ondevicechange === 'function') mediaDevices.ondevicechange(event);
  }
  listed = now;
};

/** What of the two kinds is asked for, each with its constraints. */
function requested(constraints) {
  const asked = {};
  for (const kind of ['video', 'audio']) {
    const wanted = constraints ? constraints[kind] : undefined;
    if (wanted === undefined || wanted === false) continue;
    asked[kind] = wanted === null ? {} : wanted;
  }
  if (Object.keys(asked).length === 0) {
    throw mediaError({ name: 'TypeError', message: 'neither video nor audio is requested', remedy: 'ask for at least one of them' });
  }
  checkNumbers(asked);
  return asked;
}

const asObject = (wanted) => (typeof wanted === 'object' ? structuredClone(wanted) : {});

async function getUserMedia(constraints) {
  const asked = requested(constraints);
  await wire.open();
  const state = await wire.ask(asked);
  const tracks = [];
  try {
    // The camera's and the microphone's state before their tracks: what they begin with comes of it.
    for (const source of [audio, video]) {
      const wanted = asked[source.kind];
      if (wanted === undefined) continue;
      source.asked = wanted;
      if (source === audio) hear(state.audio);
      else source.know(state.video);
      tracks.push(await source.add(asObject(wanted)));
    }
  } catch (error) {
    tracks.forEach((track) => track.stop());
    throw error;
  }
  return dressStream(new MediaStream(tracks));
}

/** A stream's clone has clones that stop as theirs do; and of 2012 there is stop(). */
function dressStream(stream) {
  return define(stream, {
    clone: () => dressStream(new MediaStream(stream.getTracks().map((track) => track.clone()))),
    stop: () => stream.getTracks().forEach((track) => track.stop()),
  });
}

/** As of 2012: throws where neither is asked for, else exactly one of the two is called, later. */
function navigatorGetUserMedia(constraints, success, error) {
  if (typeof success !== 'function') throw new TypeError('the success callback is not a function');
  requested(constraints);
  getUserMedia(constraints).then(
    (stream) => setTimeout(success, 0, stream),
    (reason) => { if (typeof error === 'function') setTimeout(error, 0, new NavigatorUserMediaError(reason)); },
  );
}

async function enumerateDevices() {
  await wire.open();
  while (wire.devices === null) await new Promise((done) => setTimeout(done, 10));
  return wire.devices.filter(({ unusable }) => !unusable).map(shownDevice);
}

const getSupportedConstraints = () => Object.fromEntries(SUPPORTED.map((name) => [name, true]));

/** What was measured since the last call of reset(), in milliseconds; the service's time is performance.now() + clock.offset. */
function statistics() {
  const { shown, skipped, damaged, age, arrival, out } = pictures;
  return {
    service: address.url,
    connected: wire.viewer !== null,
    clock: { roundTrip: wire.clock.roundTrip, offset: wire.clock.offset },
    video: { way: out && out.way, shown, skipped, damaged, arrival: arrival.summary(), age: age.summary() },
    audio: {
      way: sound.way,
      context: sound.context && sound.context.state,
      blocks: sound.blocks,
      lost: sound.lost,
      volume: sound.volume,
      output: loudspeaker.delay,
      ...sound.report,
    },
  };
}

const usermedia = {
  native,
  getUserMedia,
  enumerateDevices,
  getSupportedConstraints,
  statistics,
  reset: () => pictures.reset(),
  /** Another service than the script's element named, before the first request. */
  configure({ url = address.url, token = address.token }) {
    Object.assign(address, { url: new URL(url, document.baseURI).href, token });
  },
  /** Milliseconds since the picture of that number was captured; null where it is not one of the newest. */
  ageOf(number) {
    const stamp = pictures.stamps.get(number);
    return stamp === undefined ? null : wire.clock.since(stamp);
  },
  /** Puts these in the place of the browser's own. */
  install() {
    define(navigator, { getUserMedia: navigatorGetUserMedia });
    define(mediaDevices, { getUserMedia, enumerateDevices, getSupportedConstraints });
    if (isOwnTarget) define(navigator, { mediaDevices });
  },
};
define(window, { usermedia, NavigatorUserMediaError });

// data-install: "always" (as without it), "missing" where the browser has none of its own, "never".
if (address.install === 'always' || (address.install === 'missing' && !native.getUserMedia)) usermedia.install();

// data-sound="element": elements play it by themselves.
if (address.sound !== 'element') loudspeaker.install();
