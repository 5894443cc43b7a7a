// An explicit transient session in JavaScript, both ends, written from spec/sessions.md: sections 2 to 7 and 14.3.
// Run it with: node adapter.js session.js. It is small because a transient session has only one generation.
"use strict";
const { randomBytes } = require("node:crypto");
const { Unsupported, Refused } = require("./adapter.js");

// Encoding: clause 14.3. Every value has one encoding, and all others are refused. ------------------------------------

class Unreadable extends Error {}
const refuse = (condition, why) => { if (condition) throw new Unreadable(why); };
const text = new TextDecoder("utf-8", { fatal: true });

class Reader {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }
  fixed(size) {
    refuse(size > this.bytes.length - this.at, "bytes are missing");
    return this.bytes.subarray(this.at, (this.at += size));
  }
  u8() { return this.fixed(1)[0]; }
  uint() {
    let value = 0n;
    for (let place = 0n; place < 10n; place++) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << (7n * place);
      if (byte < 0x80) {
        refuse((byte === 0 && place > 0n) || value >= 1n << 64n, "not the shortest form");
        return value;
      }
    }
    throw new Unreadable("a number of more than 64 bits");
  }
  data(limit) {
    const size = this.uint();
    refuse(size > BigInt(limit), "too long");
    return this.fixed(Number(size));
  }
  address() { return { type: this.u8(), value: this.data(512) }; }
  route() {
    const size = this.uint();
    refuse(size > 128n, "too many addresses");
    return Array.from({ length: Number(size) }, () => this.address());
  }
  bool() { const byte = this.u8(); refuse(byte > 1, "not a bool"); return byte === 1; }
  reason() { try { return text.decode(this.data(1024)); } catch { throw new Unreadable("not UTF-8 text"); } }
  generation() {
    const number = this.uint(), starter = this.uint();
    refuse(starter > 1n, "no such starter");
    return { number, starter: Number(starter), address: this.address() };
  }
}

const READ = {
  1: (r) => ({ is: "hello", id: r.fixed(16), generation: r.generation(), route: r.route() }),
  2: (r) => ({ is: "answer", id: r.fixed(16), generation: r.generation(), worker: r.address(), resumed: r.bool() }),
  3: (r) => ({ is: "superseded", id: r.fixed(16), number: r.uint(), address: r.address() }),
  4: () => ({ is: "keepalive" }),
  5: () => ({ is: "keepalive answer" }),
  6: (r) => ({ is: "data", onward: r.route(), back: r.route(), payload: r.data(2 ** 31) }),
  7: (r) => ({ is: "going away", reason: r.reason() }),
  8: (r) => ({ is: "error", reason: r.reason() }),
  9: (r) => ({ is: "close", id: r.fixed(16), number: r.uint(), address: r.address(), reason: r.reason() }),
};

function read(bytes) {
  const reader = new Reader(bytes), tag = reader.u8();
  refuse(!READ[tag], "unknown signal");
  const signal = READ[tag](reader);
  refuse(reader.at !== bytes.length, "bytes after the end");
  return signal;
}

function uint(value) {
  const bytes = [];
  for (value = BigInt(value); value > 0x7fn; value >>= 7n) bytes.push(Number(value & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(value)]);
}
const data = (bytes) => Buffer.concat([uint(bytes.length), bytes]);
const bytesOf = ({ type, value }) => Buffer.concat([Buffer.from([type]), data(value)]);
const bytesOfRoute = (route) => Buffer.concat([uint(route.length), ...route.map(bytesOf)]);
const bytesOfGeneration = ({ number, starter, address }) =>
  Buffer.concat([uint(number), uint(starter), bytesOf(address)]);
const tagged = (tag, ...parts) => Buffer.concat([Buffer.from([tag]), ...parts]);

// Comparison of addresses. --------------------------------------------------------------------------------------------

const same = (one, other) => one && other && one.type === other.type && one.value.equals(other.value);
const sameGeneration = (one, other) =>
  one.number === other.number && one.starter === other.starter && same(one.address, other.address);
const fresh = () => ({ type: 0, value: Buffer.from(randomBytes(16).toString("hex")) });
const isReplyTo = (inner, address) =>
  address && address.type === inner.type && address.value.subarray(0, inner.value.length + 1).equals(
    Buffer.concat([inner.value, Buffer.from(".")]));

const INITIATOR = 1, JUMP = 2n ** 20n;

// One end of one session: sections 3 to 7. ----------------------------------------------------------------------------

class Session {
  constructor(start, role, id, outer, emit) {
    Object.assign(this, { start, role, id, outer, emit });
    this.state = "IDLE";
    this.seen = { number: BigInt(start.remembered), starter: start.remembered ? INITIATOR : 0 };
    this.link = null; // the one generation: { generation, inner, route, replies }
    this.timers = new Map();
    this.held = [];
    this.requests = new Map();
    this.misses = 0;
  }

  // Orders
  order({ what, payload, onward, tracing, request, reissue }, now) {
    this.now = now;
    const closed = this.state === "CLOSED";
    if (what === "lower layer lost") {
      if (this.state === "NEGOTIATING" || this.state === "ESTABLISHED") this.fail();
    } else if (what === "close") {
      if (!closed) { this.sendClose(); this.close(""); }
    } else if (what === "stop") {
      if (!closed) { this.sendGoingAway(); this.close(""); }
    } else if (what === "open") {
      if (this.role !== INITIATOR || this.state !== "IDLE") throw new Refused("cannot be opened");
      this.state = "NEGOTIATING";
      const inner = fresh();
      this.seen = { number: this.seen.number + 1n, starter: INITIATOR };
      this.link = { generation: { ...this.seen, address: inner }, inner, route: [], replies: 0, own: true };
      const hello = tagged(1, this.id, bytesOfGeneration(this.link.generation), bytesOfRoute(this.start.own_route));
      this.send(this.start.initialization_route, [inner], hello);
      this.set("negotiation");
    } else if (what === "withdraw") {
      this.withdraw(request);
    } else if (what === "renegotiate") {
      throw new Refused("a transient session never renegotiates");
    } else {
      this.accept({ payload, onward, tracing, request: what === "request" ? request : undefined });
    }
  }

  accept(message) {
    if (message.request !== undefined && (this.requests.has(message.request) ||
        this.requests.size >= this.start.requests)) throw new Refused("too many requests");
    if (this.state === "NEGOTIATING" && this.held.length < this.start.held) this.held.push(message);
    else if (this.state !== "ESTABLISHED") throw new Refused(`${this.state} takes no messages`);
    if (message.request !== undefined) this.requests.set(message.request, { pending: false });
    if (this.state === "ESTABLISHED") this.transmit(message);
  }

  withdraw(request) {
    this.requests.delete(request);
    this.timers.delete(`request ${request}`);
    const place = this.held.findIndex((message) => message.request === request);
    if (place >= 0) this.emit({ kind: "deadLetter", payload: this.held.splice(place, 1)[0].payload });
  }

  // Time
  fire(timer) {
    this.timers.delete(timer);
    if (timer.startsWith("request ")) {
      const request = timer.slice(8);
      this.requests.delete(request);
      this.emit({ what: { outcome: "timeout", request } });
      this.fail();
    } else if (timer === "keepalive" && this.misses < this.start.misses) {
      this.misses += 1;
      this.sendSignal(tagged(4));
      this.set("keepalive");
    } else this.fail();
  }

  // Messages
  receive({ onward, back, payload }, signal, now) {
    this.now = now;
    const at = onward[0], link = this.link;
    if (signal.is === "hello") return this.helloReceived(signal, back);
    if (signal.is === "close" && !signal.id.equals(this.id)) return;
    if (signal.is === "close" && this.start.contact && same(at, this.start.contact)) return this.closedAtContact(signal);
    if (!link || !(same(at, link.inner) || isReplyTo(link.inner, at))) return;
    if (signal.is === "answer") return this.answered(signal, back);
    if (signal.is === "superseded") return this.superseded(signal);
    if (this.state === "NEGOTIATING" && link.own) {
      if (signal.is === "close") this.close("");
      else if (signal.is === "error" || signal.is === "going away") this.fail();
      return;
    }
    if (this.state === "NEGOTIATING") this.establish(false); // the message confirms the answer
    this.handle(at, signal);
  }

  // A close of a peer without a messaging route names the generation (clause 3.8).
  closedAtContact({ number, address }) {
    const { generation } = this.link || {};
    if (generation && same(address, generation.address) && number >= generation.number) this.close("");
  }

  helloReceived({ id, generation, route }, back) {
    if (this.role === INITIATOR || !id.equals(this.id)) return;
    if (back.length === 0 || generation.address.type !== 0 || generation.starter !== INITIATOR) return;
    if (generation.number - this.seen.number > JUMP) return;
    const live = this.state === "NEGOTIATING" || this.state === "ESTABLISHED";
    const rank = (one) => one.number * 2n + BigInt(one.starter);
    if (this.state === "IDLE" && rank(generation) > rank(this.seen)) {
      this.state = "NEGOTIATING"; // the number is kept once the answer is confirmed (clause 4.1)
      this.link = { generation, inner: fresh(), route: [...back.slice(0, -1), generation.address], replies: 0 };
      this.answer(back);
      this.set("negotiation");
    } else if (live && sameGeneration(generation, this.link.generation)) this.answer(back);
    else if (live && rank(generation) <= rank(this.link.generation)) {
      this.send(back, [this.outer], tagged(3, this.id, uint(this.seen.number), bytesOf(generation.address)));
    }
  }

  answer(back) {
    const { generation, inner } = this.link;
    this.send(back, [inner], tagged(2, this.id, bytesOfGeneration(generation), bytesOf(inner), Buffer.from([0])));
  }

  answered({ id, generation, worker, resumed }, back) {
    const link = this.link;
    if (back.length === 0 || worker.type !== 0 || !link.own || !id.equals(this.id)) return;
    if (!sameGeneration(generation, link.generation)) return;
    if (this.state === "NEGOTIATING") {
      link.route = [...back.slice(0, -1), worker];
      this.establish(resumed);
    } else if (this.state === "ESTABLISHED" && !same(worker, link.route.at(-1))) this.fail();
  }

  superseded({ number, address }) {
    if (this.state !== "NEGOTIATING" || !this.link.own || !same(address, this.link.inner)) return;
    if (number - this.seen.number <= JUMP) this.fail();
  }

  establish(resumed) {
    const { number, starter } = this.link.generation;
    this.state = "ESTABLISHED";
    this.seen = { number, starter };
    this.timers.clear();
    this.misses = 0;
    this.emit({ what: { tell: "established", number: Number(number),
      starter: starter === INITIATOR ? "initiator" : "responder", resumed } });
    if (this.role === INITIATOR) { this.sendSignal(tagged(4)); this.set("keepalive"); } else this.set("idle");
    this.held.splice(0).forEach((message) => this.transmit(message));
  }

  handle(at, signal) {
    if (this.state !== "ESTABLISHED") return;
    if (signal.is === "close") return this.close("");
    if (signal.is === "error" || signal.is === "going away") return this.fail();
    if (signal.is === "data" && !this.deliver(at, signal)) return;
    if (signal.is === "keepalive") this.sendSignal(tagged(5));
    this.misses = 0;
    if (this.role !== INITIATOR && signal.is !== "keepalive answer") this.set("idle");
  }

  deliver(at, { onward, back, payload }) {
    const replies = [at, onward[0]].filter((address) => isReplyTo(this.link.inner, address));
    if (replies.length === 0) {
      this.emit({ kind: "deliver", payload, onward, back: [this.outer, ...back] });
      return true;
    }
    for (const [request, { pending, reply }] of this.requests) {
      if (!pending || !replies.some((address) => same(address, reply))) continue;
      this.requests.delete(request);
      this.timers.delete(`request ${request}`);
      this.emit({ kind: "response", request, payload });
      return true;
    }
    return false;
  }

  // Ends
  fail() {
    this.leave();
    for (const [request, { pending }] of this.requests) if (pending) this.failRequest(request);
    this.emit({ what: { tell: "timed out", reason: "it failed" } });
    this.close("it failed"); // the back-off of a transient session has no delay
  }

  close(reason) {
    this.leave();
    for (const request of [...this.requests.keys()]) this.failRequest(request);
    this.held.splice(0).forEach(({ payload }) => this.emit({ kind: "deadLetter", payload }));
    this.state = "CLOSED";
    this.emit({ what: { tell: "closed", reason } });
  }

  leave() { this.timers.clear(); this.link = null; }

  failRequest(request) {
    this.requests.delete(request);
    this.emit({ what: { outcome: "error", request, reason: "the session failed" } });
  }

  // Out
  transmit({ payload, onward, tracing, request }) {
    let back = [];
    if (request !== undefined) {
      const { inner } = this.link;
      back = [{ type: inner.type, value: Buffer.concat([inner.value, Buffer.from(`.${++this.link.replies}`)]) }];
      this.requests.set(request, { pending: true, reply: back[0] });
      this.set(`request ${request}`, "request");
    }
    this.sendSignal(tagged(6, bytesOfRoute(onward), bytesOfRoute(back), data(payload)), tracing);
  }
  sendSignal(payload, tracing) { this.send(this.link.route, [this.link.inner], payload, tracing); }
  sendClose() {
    if (!this.link) return;
    const { number, address } = this.link.generation;
    const close = tagged(9, this.id, uint(number), bytesOf(address), data(Buffer.from("closed")));
    if (this.link.route.length) this.sendSignal(close);
    else if (this.role === INITIATOR) this.send(this.start.initialization_route, [this.outer], close);
  }
  sendGoingAway() { if (this.link && this.link.route.length) this.sendSignal(tagged(7, data(Buffer.from("stopped")))); }
  send(onward, back, payload, tracing) { this.emit({ kind: "send", onward, back, payload, tracing }); }
  set(timer, of = timer) { this.timers.set(timer, this.now + this.start[`${of}_seconds`]); }
}

// The end under test: an initiator, or the host of the responders (clause 2.3). ---------------------------------------

function makeEnd(start) {
  if (start.type !== "explicit-transient" || start.profile !== "generation") throw new Unsupported("not written yet");
  const end = { features: ["dead letters"], outputs: [], now: 0 }, sessions = new Map();
  const emit = (output) => end.outputs.push(output);
  const initiator = start.role === "initiator" && new Session(start, INITIATOR, start.session_id, start.outer, emit);
  if (initiator) sessions.set("", initiator);
  const tidy = () => {
    for (const [key, { role, state }] of sessions)
      if (role !== INITIATOR && (state === "CLOSED" || state === "IDLE")) sessions.delete(key);
  };

  // Reject a hello without room: an error, not longer than the hello (clause 4.9).
  function full({ back, onward }) {
    emit({ kind: "send", onward: back, back: onward.slice(0, 1), payload: tagged(8, data(Buffer.from("no room"))) });
  }

  function hello(message, signal) {
    const key = signal.id.toString("hex");
    if (!sessions.has(key)) {
      if (sessions.size >= start.capacity) return full(message);
      sessions.set(key, new Session(start, 0, Buffer.from(signal.id), fresh(), emit));
    }
    sessions.get(key).receive(message, signal, end.now);
  }

  end.deliver = (message) => {
    let signal;
    try {
      signal = read(message.payload);
    } catch (error) {
      if (error instanceof Unreadable) return;
      throw error;
    }
    const atContact = start.contact && same(message.onward[0], start.contact);
    if (atContact && signal.is === "hello") hello(message, signal);
    else if (signal.is !== "hello") for (const one of sessions.values()) one.receive(message, signal, end.now);
    tidy();
  };

  end.order = (order) => {
    const newest = [...sessions.values()].at(-1);
    if (!newest) throw new Refused("there is no responder");
    newest.order(order, end.now);
    tidy();
  };

  end.advance = (seconds) => {
    const until = end.now + seconds;
    for (;;) {
      const due = [...sessions.values()].flatMap((one) => [...one.timers].map(([timer, at]) => ({ one, timer, at })));
      const next = due.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      end.now = next.one.now = next.at;
      next.one.fire(next.timer);
    }
    end.now = until;
    tidy();
  };
  return end;
}

module.exports = { makeEnd };
