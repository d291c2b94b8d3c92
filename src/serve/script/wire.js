// ---------------------------------------------------------------- the connection

/** Bytes of the header of a binary message (docs/serve.md, "The WebSocket"). */
const HEADER = 40;
const PICTURE = 1;
const SOUND = 2;

/** How many pictures may be on their way: one is shown while the next comes. */
const CREDIT = 2;

/** Where the service is, and the token: attributes of this script's element, or the address it was loaded from. */
const address = (() => {
  const script = document.currentScript;
  const from = script && script.src ? new URL(script.src, document.baseURI) : null;
  const data = script ? { ...script.dataset } : {};
  // Nobody who looks at the page later finds it there.
  if (script) script.removeAttribute('data-token');
  let url = 'http://127.0.0.1:8080/';
  if (data.url) url = new URL(data.url, document.baseURI).href;
  else if (from && from.protocol.startsWith('http') && from.searchParams.has('token')) url = new URL('.', from).href;
  const token = data.token || (from && from.searchParams.get('token')) || '';
  return { url, token, script: from ? from.href : null, install: data.install || 'always', sound: data.sound || 'context' };
})();

/** The connection to the service: one, made when it is first needed, and made again for as long as it has been there once. */
class Wire {
  constructor() {
    this.clock = new Clock();
    this.viewer = null;
    this.socket = null;
    this.opening = null;
    this.pause = 250;
    this.wanted = { pictures: false, sound: false };
    /** @type {object} the last state, `result` of /state; and the devices */
    this.state = null;
    this.devices = null;
    /** Set by those who are told. */
    this.onpicture = () => {};
    this.onsound = () => {};
    this.onstate = () => {};
    this.ondevices = () => {};
    this.onup = () => {};
    this.ondown = () => {};
  }

  /** Resolves when the service has answered. */
  open() {
    if (this.viewer !== null) return Promise.resolve();
    this.opening = this.opening || this.connect().finally(() => { this.opening = null; });
    return this.opening;
  }

  connect() {
    const url = new URL(`ws?page=1&pictures=0&levels=0&sound=0&credit=${CREDIT}`, address.url);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    // Not in the address, which browsers write into their logs when a connection fails.
    const protocols = address.token ? ['usermedia', `token.${address.token}`] : ['usermedia'];
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, protocols);
      let pings = null;
      socket.binaryType = 'arraybuffer';
      socket.onmessage = ({ data }) => {
        if (typeof data !== 'string') {
          this.binary(data);
          return;
        }
        const message = JSON.parse(data);
        if (message.type === 'hello') {
          this.socket = socket;
          this.viewer = message.viewer;
          this.pause = 250;
          this.clock.forget();
          // Some at once, for a good start, then one now and then.
          for (let first = 0; first < 4; first += 1) setTimeout(() => this.ping(), first * 40);
          pings = setInterval(() => this.ping(), 2000);
          this.want({});
          resolve();
          this.onup();
        } else {
          this.text(message);
        }
      };
      socket.onclose = () => {
        clearInterval(pings);
        if (this.socket === socket) {
          this.socket = null;
          this.viewer = null;
          this.ondown();
          this.again();
        }
        reject(mediaError({
          name: 'NotReadableError',
          message: `usermedia at ${address.url} does not answer, or refuses this page`,
          remedy: `start \`usermedia serve\`; allow the origin ${location.origin} by --origin or in the policy; give its token`,
        }));
      };
    });
  }

  again() {
    setTimeout(() => this.open().catch(() => this.again()), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, 5000);
  }

  say(message) {
    if (this.socket && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  want(change) {
    Object.assign(this.wanted, change);
    this.say(this.wanted);
  }

  ping() {
    this.say({ ping: performance.now() });
  }

  text(message) {
    if (message.type === 'state') {
      this.state = message.state;
      this.onstate(message.state);
    } else if (message.type === 'devices') {
      this.devices = message.devices;
      this.ondevices(message.devices);
    } else if (message.type === 'clock') {
      this.clock.heard(message.ping, message.milliseconds);
    }
  }

  binary(data) {
    const view = new DataView(data, 0, HEADER);
    if (view.getUint8(1) !== 1) return;
    const message = {
      track: view.getUint8(2),
      format: String.fromCharCode(...new Uint8Array(data, 4, 4)),
      number: Number(view.getBigUint64(8, true)),
      /** Milliseconds of the service's clock. */
      stamp: Number(view.getBigUint64(16, true)) / 1e6,
      shape: [view.getUint32(28, true), view.getUint32(32, true)],
      missing: view.getUint32(36, true),
      data,
    };
    const kind = view.getUint8(0);
    if (kind === PICTURE) this.onpicture(message);
    else if (kind === SOUND) this.onsound(message);
  }

  /** Asks for constraints, and gives the state that came of it. Rejects with the service's own error. */
  async ask(change) {
    const headers = { 'Content-Type': 'application/json' };
    if (address.token) headers.Authorization = `Bearer ${address.token}`;
    let answer;
    try {
      answer = await fetch(new URL(`constraints?viewer=${this.viewer}`, address.url), {
        method: 'POST', headers, body: JSON.stringify(change), cache: 'no-store', referrerPolicy: 'no-referrer',
      });
    } catch {
      throw mediaError({ name: 'NotReadableError', message: `usermedia at ${address.url} does not answer` });
    }
    const text = await answer.text();
    if (answer.status === 403) {
      throw mediaError({ name: 'NotAllowedError', message: text.trim(), remedy: 'give the token of the service that runs now' });
    }
    let document;
    try {
      document = JSON.parse(text);
    } catch {
      throw mediaError({ name: 'NotReadableError', message: text.trim() || `status ${answer.status}` });
    }
    if (!document.ok) throw mediaError(document.error);
    this.state = document.result;
    return document.result;
  }
}

const wire = new Wire();
