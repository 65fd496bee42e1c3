// Pictures of a sound while it comes: its waveform and its spectrogram over one axis of time.

const HOP = 512;    // samples from one column to the next
const SIZE = 1024;  // samples of one transform
const BANDS = 96;  // from 60 Hz to 16 kHz, evenly by ear

const transform = (() => {
  const window = Float32Array.from({length: SIZE}, (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / SIZE));
  const cos = Float32Array.from({length: SIZE / 2}, (_, i) => Math.cos(2 * Math.PI * i / SIZE));
  const sin = Float32Array.from({length: SIZE / 2}, (_, i) => -Math.sin(2 * Math.PI * i / SIZE));
  const order = Uint16Array.from({length: SIZE}, (_, i) => {
    let turned = 0;
    for (let bit = 1; bit < SIZE; bit <<= 1) turned = turned << 1 | (i & bit ? 1 : 0);
    return turned;
  });
  const mel = hertz => 2595 * Math.log10(1 + hertz / 700);
  const edges = Uint16Array.from({length: BANDS + 1}, (_, i) => {
    const at = mel(60) + (mel(16000) - mel(60)) * i / BANDS;
    return Math.round(700 * (10 ** (at / 2595) - 1) * SIZE / RATE);
  });
  const re = new Float32Array(SIZE), im = new Float32Array(SIZE);
  // 256 steps from -90 dB to -15 dB, for each band.
  return (samples, from, out, at) => {
    for (let i = 0; i < SIZE; ++i) {
      re[order[i]] = samples[from + i] / 32768 * window[i];
      im[i] = 0;
    }
    for (let half = 1; half < SIZE; half *= 2) {
      const stride = SIZE / (2 * half);
      for (let begin = 0; begin < SIZE; begin += 2 * half) {
        for (let k = 0; k < half; ++k) {
          const a = begin + k, b = a + half, c = cos[k * stride], s = sin[k * stride];
          const x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
          re[b] = re[a] - x; im[b] = im[a] - y;
          re[a] += x; im[a] += y;
        }
      }
    }
    for (let band = 0; band < BANDS; ++band) {
      let power = 0;
      for (let k = edges[band]; k < Math.max(edges[band] + 1, edges[band + 1]); ++k) {
        power = Math.max(power, re[k] * re[k] + im[k] * im[k]);
      }
      const level = 10 * Math.log10(power / (SIZE * SIZE / 16) + 1e-12);
      out[at + band] = Math.max(0, Math.min(255, (level + 90) * 255 / 75));
    }
  };
})();

// From the screen's black over the page's orange to white.
const palette = (() => {
  const stops = [[11, 12, 15], [38, 25, 60], [112, 30, 84], [205, 66, 48], [255, 140, 66], [255, 236, 200]];
  return Uint32Array.from({length: 256}, (_, i) => {
    const at = i / 255 * (stops.length - 1), k = Math.min(stops.length - 2, Math.floor(at));
    const [r, g, b] = stops[k].map((from, c) => Math.round(from + (stops[k + 1][c] - from) * (at - k)));
    return 255 << 24 | b << 16 | g << 8 | r;
  });
})();

class Scope {
  constructor(wave, spectrum) {
    this.wave = wave;
    this.spectrum = spectrum;
    this.picture = document.createElement('canvas');
    this.reset(0);
    new ResizeObserver(() => { this.stale = true; }).observe(wave);
  }

  // Nothing yet; a sound of about this length is expected.
  reset(seconds) {
    this.expected = seconds;
    this.columns = 0;
    this.peaks = new Float32Array(1024);
    this.bands = new Uint8Array(1024 * BANDS);
    this.rest = new Int16Array(0);
    this.stale = true;
  }

  add(piece) {
    const samples = new Int16Array(this.rest.length + piece.length);
    samples.set(this.rest);
    samples.set(piece, this.rest.length);
    let from = 0;
    for (; from + SIZE <= samples.length; from += HOP) this.column(samples, from);
    this.rest = samples.slice(from);
    this.stale = true;
  }

  column(samples, from) {
    if (this.columns === this.peaks.length) {
      const peaks = new Float32Array(2 * this.columns), bands = new Uint8Array(2 * this.columns * BANDS);
      peaks.set(this.peaks);
      bands.set(this.bands);
      Object.assign(this, {peaks, bands});
    }
    let peak = 0;
    for (let i = from; i < from + HOP; ++i) peak = Math.max(peak, Math.abs(samples[i]));
    this.peaks[this.columns] = peak / 32768;
    transform(samples, from, this.bands, this.columns * BANDS);
    ++this.columns;
  }

  // Seconds from edge to edge.
  get span() { return Math.max(this.expected, this.columns * HOP / RATE, 1); }
  set complete(seconds) {
    this.expected = seconds;
    this.stale = true;
  }

  fit(canvas) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
    return {width, height, ratio, brush: canvas.getContext('2d')};
  }

  // The largest value of the columns below one part of the axis.
  largest(from, to, value) {
    let most = 0;
    for (let c = Math.floor(from); c < Math.min(this.columns, Math.max(to, from + 1)); ++c) most = Math.max(most, value(c));
    return most;
  }

  draw(seconds, marked) {
    this.drawWave(seconds, marked);
    if (this.stale) this.drawSpectrum();
    this.stale = false;
  }

  drawWave(seconds, marked) {
    const {width, height, ratio, brush} = this.fit(this.wave);
    brush.clearRect(0, 0, width, height);
    const perPixel = this.span * RATE / HOP / Math.max(1, width);
    const step = 4 * ratio, middle = (height - 16 * ratio) / 2;
    const played = seconds / this.span * width;
    for (let x = 0; x < width; x += step) {
      const known = x * perPixel < this.columns;
      const peak = known ? this.largest(x * perPixel, (x + step) * perPixel, c => this.peaks[c]) : 0;
      const half = Math.max(ratio, peak ** 0.7 * middle);
      brush.fillStyle = !known ? '#2b3036' : x < played && marked ? '#ff7d45' : '#8b929a';
      brush.fillRect(x, middle - half, 2.5 * ratio, 2 * half);
    }
    const tick = [0.5, 1, 2, 5, 10, 30, 60, 300, 600].find(t => t / this.span * width >= 64 * ratio) || 1800;
    brush.fillStyle = '#a3a9b0';
    brush.font = `${11 * ratio}px ui-monospace, Menlo, Consolas, monospace`;
    for (let t = tick; t < this.span; t += tick) {
      const x = t / this.span * width;
      brush.fillRect(x, height - 13 * ratio, ratio, 10 * ratio);
      const text = t < 60 ? `${t} s` : `${Math.floor(t / 60)}:${String(t % 60).padStart(2, '0')}`;
      if (x + 30 * ratio < width) brush.fillText(text, x + 4 * ratio, height - 4 * ratio);
    }
    if (marked) {
      brush.fillStyle = '#fff';
      brush.fillRect(Math.min(width - 1.5 * ratio, played), 0, 1.5 * ratio, height - 16 * ratio);
    }
  }

  drawSpectrum() {
    const {width, height, brush} = this.fit(this.spectrum);
    brush.clearRect(0, 0, width, height);
    if (!this.columns || !width) return;
    const perPixel = this.span * RATE / HOP / width;
    const filled = Math.min(width, Math.ceil(this.columns / perPixel));
    const image = new ImageData(filled, BANDS), colours = new Uint32Array(image.data.buffer);
    for (let x = 0; x < filled; ++x) {
      for (let band = 0; band < BANDS; ++band) {
        const level = this.largest(x * perPixel, (x + 1) * perPixel, c => this.bands[c * BANDS + band]);
        colours[(BANDS - 1 - band) * filled + x] = palette[level];
      }
    }
    Object.assign(this.picture, {width: filled, height: BANDS});
    this.picture.getContext('2d').putImageData(image, 0, 0);
    brush.drawImage(this.picture, 0, 0, filled, height);
  }
}
