/**
 * The connection to the server: connects again for ever, and never loses a change.
 *
 * A request that changes something bears a key; until it is answered it is kept, in this page and across a reload, and
 * sent again under the same key after each reconnection, so that it is done once. Requests that only ask are given up
 * when the connection goes (`code: 'lost'`); what they wanted to know is asked anew by whoever needs it.
 *
 * All unconfirmed changes are of one draft. When a reconnection finds another, that one has been saved, and they are given
 * up (`code: 'saved'`): the keys are known to their draft only, and what was done on it already would be done again.
 *
 * Events: `hello` (detail: the frame), `frame` (what the server says by itself: `{ header, planes }`), `state` (the
 * state of the connection changed, see `state`), `refused` (detail: why a change of this tab's last page is not done).
 */

import { parse } from '../map/wire.js';

const FIRST_PAUSE = 250, LONGEST_PAUSE = 5_000;
/** A ping every so many ms, and how long its answer may take before the connection counts as dead. */
const PING = 20_000, PATIENCE = 12_000;

/** A refusal in the server's words. */
class Refused extends Error {
  constructor({ message, code }) {
    super(message);
    this.code = code;
  }
}

/** A key for a click; pages without TLS have no `randomUUID`. */
export function key() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = bytes[6] & 15 | 64;
  bytes[8] = bytes[8] & 63 | 128;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export class Link extends EventTarget {
  #address;
  #socket = null;
  #next = 1;
  #asked = new Map();
  #changes = new Map();
  #pause = FIRST_PAUSE;
  #timer = 0;
  /** That of the unconfirmed changes. */
  #draft = null;
  #closed = false;

  /** `connecting`, `open`, `lost` (and it tries again), `ended` (it does not: `reason` says why). */
  state = 'connecting';
  reason = '';
  failures = 0;

  constructor(address) {
    super();
    this.#address = address;
    addEventListener('online', () => this.now());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.now(); });
    setInterval(() => this.#ping(), PING);
    this.#recall();
    this.#connect();
  }

  /** Changes that the server has not confirmed. */
  get unconfirmed() { return this.#changes.size; }

  /** Tries at once. */
  now() {
    if (this.state !== 'lost' || this.#socket) return;
    clearTimeout(this.#timer);
    this.#pause = FIRST_PAUSE;
    this.#connect();
  }

  /** Ends the connection for good. */
  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  /** Asks something. Gives the answer: a JSON object, or `{ header, planes }`. */
  ask(message) {
    if (this.state !== 'open') return Promise.reject(new Refused({ code: 'lost', message: 'The connection is lost; it will be back.' }));
    return new Promise((resolve, reject) => this.#send({ message, resolve, reject }));
  }

  /** Asks for a change, which is done once, whatever happens on the way. */
  change(message) {
    const request = { message: { ...message, key: key() } };
    return new Promise((resolve, reject) => {
      Object.assign(request, { resolve, reject });
      this.#changes.set(request.message.key, request);
      this.#remember();
      if (this.state === 'open') this.#send(request);
      else this.dispatchEvent(new Event('state'));
    });
  }

  #send(request) {
    const id = this.#next++;
    this.#asked.set(id, request);
    this.#socket.send(JSON.stringify({ ...request.message, id }));
  }

  #connect() {
    this.#timer = 0;
    const url = new URL(this.#address, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = this.#socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => { if (socket === this.#socket) this.#receive(data); };
    socket.onclose = ({ code }) => { if (socket === this.#socket) this.#lost(code); };
  }

  #receive(data) {
    const frame = typeof data === 'string' ? { header: JSON.parse(data), planes: null } : parse(data);
    const { header } = frame, { type, id } = header;
    if (type === 'hello') return this.#onHello(header);
    if (type === 'error' && (id === undefined || id === null)) {
      this.reason = header.message;
      if (header.again === false) this.#ended();
      return;
    }
    const request = this.#asked.get(id);
    // What came for a change is also news for the page, before whoever asked goes on.
    if (type === 'change' || !request) this.dispatchEvent(new CustomEvent('frame', { detail: frame }));
    if (!request) return;
    this.#asked.delete(id);
    if (this.#changes.delete(request.message.key)) this.#remember();
    if (type === 'error') {
      // Busy or without its store the server has done nothing, and a change may come again.
      request.reject(new Refused(header));
    } else request.resolve(frame.planes ? frame : header);
  }

  #onHello(hello) {
    this.failures = 0;
    this.#pause = FIRST_PAUSE;
    this.reason = '';
    const late = (this.#draft ?? hello.draft) !== hello.draft ? [...this.#changes.values()] : [];
    for (const request of late) this.#changes.delete(request.message.key);
    this.#draft = hello.draft;
    this.state = 'open';
    this.dispatchEvent(new CustomEvent('hello', { detail: hello }));
    for (const request of this.#changes.values()) this.#send(request);
    this.#remember();
    const message = `The draft has been saved meanwhile; this is a new one, on revision ${hello.revision}. What had not been confirmed by then was not sent again.`;
    for (const request of late) request.reject(new Refused({ code: 'saved', message }));
  }

  #lost(code) {
    this.#socket = null;
    for (const request of this.#asked.values()) {
      if (!request.message.key) request.reject(new Refused({ code: 'lost', message: 'The connection was lost.' }));
    }
    this.#asked.clear();
    if (this.#closed || this.state === 'ended') return;
    if (code === 1008) return this.#ended(this.reason || 'Your session has ended.');
    this.failures++;
    this.#to('lost');
    // Refused again and again: perhaps the session has ended, which a socket is not told.
    if (this.failures % 4 === 3) this.#inquire();
    this.#timer = setTimeout(() => this.#connect(), this.#pause * (.75 + Math.random() / 2));
    this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 1.7);
  }

  async #inquire() {
    try {
      const answer = await fetch(location.href, { credentials: 'same-origin', headers: { Accept: 'text/html' } });
      if (answer.redirected && new URL(answer.url).pathname !== location.pathname || answer.status === 401) {
        this.reason = 'Your session has ended. Log in again, and everything is here as you left it.';
        this.dispatchEvent(new Event('state'));
      } else if (answer.status === 404) this.#ended('This workflow does not exist any more.');
    } catch { /* The server is away; the next attempt will tell. */ }
  }

  #ended(reason = this.reason) {
    this.reason = reason;
    this.#to('ended');
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #to(state) {
    this.state = state;
    this.dispatchEvent(new Event('state'));
  }

  async #ping() {
    if (this.state !== 'open') return;
    const socket = this.#socket;
    const late = setTimeout(() => { if (socket === this.#socket) { socket.close(); this.#lost(1006); } }, PATIENCE);
    try { await this.ask({ type: 'ping' }); } catch { /* `lost` has been told. */ }
    clearTimeout(late);
  }

  // ---- unconfirmed changes survive a reload of the page ----

  #remember() {
    try {
      const messages = [...this.#changes.values()].map((request) => request.message);
      if (messages.length) sessionStorage.setItem(this.#store, JSON.stringify({ draft: this.#draft, messages }));
      else sessionStorage.removeItem(this.#store);
    } catch { /* Without storage they live in the page only. */ }
    this.dispatchEvent(new Event('state'));
  }

  get #store() { return `climsim unconfirmed ${this.#address}`; }

  /** Takes up those of this tab's last page, which nobody waits for any more. */
  #recall() {
    const reject = (error) => this.dispatchEvent(new CustomEvent('refused', { detail: error }));
    try {
      const { draft, messages } = JSON.parse(sessionStorage.getItem(this.#store)) ?? { draft: null, messages: [] };
      this.#draft = draft;
      for (const message of messages) this.#changes.set(message.key, { message, resolve() {}, reject });
    } catch { /* There is nothing that can be read. */ }
  }
}
