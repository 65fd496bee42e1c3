// Sound: pieces that are played one right after the other while they come, and whole takes.

const LEAD = 0.06;       // seconds from the first piece to its sound
const LEAST = 1024;      // samples of a piece

// One take: what was asked for, and the samples so far.
class Take {
  constructor(order) {
    this.order = order;
    this.pieces = [];
    this.samples = 0;
    this.complete = false;
  }
  get seconds() { return this.samples / RATE; }
  add(piece) {
    this.pieces.push(piece);
    this.samples += piece.length;
  }
  // Samples from `from` on, as they came: 16 bits each.
  slice(from) {
    const all = new Int16Array(Math.max(0, this.samples - from));
    let at = -from;
    for (const piece of this.pieces) {
      if (at + piece.length > 0) all.set(at < 0 ? piece.subarray(-at) : piece, Math.max(0, at));
      at += piece.length;
    }
    return all;
  }
  // A file with its real sizes.
  wav() {
    const head = new DataView(new ArrayBuffer(44));
    const text = (at, letters) => [...letters].forEach((c, i) => head.setUint8(at + i, c.charCodeAt(0)));
    text(0, 'RIFF'); text(8, 'WAVEfmt '); text(36, 'data');
    head.setUint32(4, 36 + 2 * this.samples, true);
    head.setUint32(16, 16, true);
    head.setUint16(20, 1, true);
    head.setUint16(22, 1, true);
    head.setUint32(24, RATE, true);
    head.setUint32(28, 2 * RATE, true);
    head.setUint16(32, 2, true);
    head.setUint16(34, 16, true);
    head.setUint32(40, 2 * this.samples, true);
    return new Blob([head, ...this.pieces], {type: 'audio/wav'});
  }
}

function floats(piece) {
  const samples = new Float32Array(piece.length);
  for (let i = 0; i < piece.length; ++i) samples[i] = piece[i] / 32768;
  return samples;
}

// Plays one take at a time.
class Player {
  constructor(changed) {
    this.changed = changed;  // called when playing begins or ends
    this.sources = new Set();
    this.take = null;
  }

  // To be called when the user does something: browsers let no sound out before.
  wake() {
    this.context ??= new AudioContext({sampleRate: RATE});
    this.context.resume();
  }

  // From this sample on; pieces that come later are put behind.
  play(take, from = 0) {
    this.silence();
    this.take = take;
    this.anchors = [];  // {time, sample}: what is heard when
    this.next = null;   // when the next piece begins
    this.planned = from;
    this.gaps = 0;
    this.paused = false;
    this.wake();
    const known = take.slice(from);
    if (known.length) this.schedule(known);
    this.changed();
  }

  // A piece that was added to the take that is played.
  add(take, piece) {
    if (take === this.take) this.schedule(piece);
  }

  schedule(piece) {
    const {context} = this;
    const buffer = context.createBuffer(1, piece.length, RATE);
    buffer.copyToChannel(floats(piece), 0);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    if (this.next === null || this.next < context.currentTime) {
      if (this.next !== null) ++this.gaps;  // what was there has been played
      this.next = context.currentTime + LEAD;
      this.anchors.push({time: this.next, sample: this.planned});
    }
    source.start(this.next);
    this.next += piece.length / RATE;
    this.planned += piece.length;
    this.sources.add(source);
    source.onended = () => {
      this.sources.delete(source);
      if (!this.sources.size && this.take?.complete) this.changed();
    };
  }

  pause(on) {
    this.paused = on;
    if (on) this.context.suspend(); else this.context.resume();
    this.changed();
  }

  silence() {
    for (const source of this.sources) {
      source.onended = null;
      source.stop();
    }
    this.sources.clear();
    this.take = null;
  }

  stop() {
    this.silence();
    this.changed();
  }

  get playing() { return !!this.take && !this.paused && (this.sources.size > 0 || !this.take.complete); }

  // The sample that is heard now.
  get position() {
    const now = this.context ? this.context.currentTime : 0;
    let anchor = null;
    for (const one of this.anchors || []) if (one.time <= now || !anchor) anchor = one;
    if (!anchor) return 0;
    return Math.min(this.planned, Math.max(anchor.sample, anchor.sample + (now - anchor.time) * RATE));
  }
}

// Reads bare samples as they come, whole ones, and gives them in pieces that are worth playing.
async function readSamples(body, take) {
  const reader = body.getReader();
  let rest = new Uint8Array(0);
  for (;;) {
    const {done, value} = await reader.read();
    const bytes = new Uint8Array(rest.length + (value ? value.length : 0));
    bytes.set(rest);
    if (value) bytes.set(value, rest.length);
    const count = bytes.length >> 1;
    if (count && (done || count >= LEAST)) {
      take(new Int16Array(bytes.buffer, 0, count));
      rest = bytes.slice(2 * count);
    } else {
      rest = bytes;
    }
    if (done) return;
  }
}
