// The queue and the numbers of the worker, from /metrics.

const POINTS = 150, EVERY = 2000;  // five minutes
const load = [];

// [{name, labels, value}] of Prometheus' text format.
function parseMetrics(text) {
  const samples = [];
  for (const line of text.split('\n')) {
    const [, name, labels, value] = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)/.exec(line) || [];
    if (!name) continue;
    const pairs = [...(labels || '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
    samples.push({name, labels: Object.fromEntries(pairs), value: Number(value)});
  }
  return samples;
}

const total = (samples, name, test = () => true) =>
    samples.reduce((sum, s) => sum + (s.name === name && test(s.labels) ? s.value : 0), 0);

// A quantile of a histogram over all its labels; nothing when it is empty.
function quantile(samples, name, share) {
  const buckets = new Map();
  for (const s of samples) {
    if (s.name !== `${name}_bucket`) continue;
    const end = s.labels.le === '+Inf' ? Infinity : Number(s.labels.le);
    buckets.set(end, (buckets.get(end) || 0) + s.value);
  }
  const ends = [...buckets.keys()].sort((a, b) => a - b);
  const wanted = share * (buckets.get(Infinity) || 0);
  if (!wanted) return null;
  let from = 0, below = 0;
  for (const end of ends) {
    const count = buckets.get(end);
    if (count >= wanted) return end === Infinity ? from : from + (end - from) * (wanted - below) / (count - below);
    from = end;
    below = count;
  }
  return from;
}

function showMetrics(text) {
  const samples = parseMetrics(text);
  const working = total(samples, 'echotts_requests_in_flight'), waiting = total(samples, 'echotts_queue_depth');
  load.push([working, waiting]);
  load.splice(0, load.length - POINTS);
  $('working').textContent = working;
  $('waiting').textContent = waiting;
  const seconds = value => value === null ? '–' : `${numberText(value)} <s`;
  const hits = total(samples, 'echotts_voice_cache_hits_total'), misses = total(samples, 'echotts_voice_cache_misses_total');
  const spoken = total(samples, 'echotts_audio_generated_seconds_total');
  const factors = total(samples, 'echotts_real_time_factor_ratio_count');
  const tiles = [
    ['First sound, median', seconds(quantile(samples, 'echotts_time_to_first_audio_seconds', 0.5))],
    ['First sound, 95 %', seconds(quantile(samples, 'echotts_time_to_first_audio_seconds', 0.95))],
    ['Real-time factor, mean', factors ? numberText(total(samples, 'echotts_real_time_factor_ratio_sum') / factors) : '–'],
    ['Spoken', spoken < 120 ? `${numberText(spoken, 1)} <s` : `${numberText(spoken / 60, 1)} <min`],
    ['Voices found encoded', hits + misses ? `${numberText(100 * hits / (hits + misses), 0)} <%` : '–'],
    ['Takes repeated', numberText(total(samples, 'echotts_rerolls_total'), 0)],
    ['Memory', `${numberText(total(samples, 'process_resident_memory_bytes') / 2 ** 30)} <GB`],
    ['Connections', numberText(total(samples, 'echotts_http_connections'), 0)],
  ];
  $('tiles').replaceChildren(...tiles.map(([name, value]) => {
    const [number, unit] = value.split('<');
    return make('div', {}, make('dt', {textContent: name}), make('dd', {textContent: number}, ...(unit ? [make('small', {textContent: unit})] : [])));
  }));
  const requests = samples.filter(s => s.name === 'echotts_requests_total');
  $('no-requests').hidden = requests.length > 0;
  $('requests').replaceChildren(...requests.map(({labels, value}) => make('tr', {},
      ...[labels.route, labels.format || '–', labels.status, value].map(textContent => make('td', {textContent})))));
  $('numbers').textContent = text.split('\n').filter(line => line && !line.startsWith('#')).join('\n');
  drawLoad();
}

function drawLoad() {
  const canvas = $('load'), ratio = window.devicePixelRatio || 1;
  const width = canvas.width = canvas.clientWidth * ratio, height = canvas.height = canvas.clientHeight * ratio;
  const brush = canvas.getContext('2d'), style = getComputedStyle(canvas);
  const most = Math.max(4, ...load.flat());
  const x = i => width - (load.length - 1 - i) * width / (POINTS - 1), y = value => height - 4 * ratio - value / most * (height - 16 * ratio);
  brush.strokeStyle = style.getPropertyValue('--line');
  brush.fillStyle = style.getPropertyValue('--soft');
  brush.lineWidth = ratio;
  brush.font = `${11 * ratio}px system-ui, sans-serif`;
  for (const value of [0, Math.round(most / 2), most]) {
    brush.beginPath();
    brush.moveTo(0, y(value));
    brush.lineTo(width, y(value));
    brush.stroke();
    brush.fillText(value, 2 * ratio, y(value) - 3 * ratio);
  }
  for (const [part, colour] of [[1, '--soft'], [0, '--accent']]) {
    brush.strokeStyle = style.getPropertyValue(colour);
    brush.lineWidth = 2 * ratio;
    brush.beginPath();
    load.forEach((point, i) => brush.lineTo(x(i), y(point[part])));
    brush.stroke();
  }
}

let asking = false;
async function watchWorker() {
  if (asking || $('worker-view').hidden || document.hidden) return;
  asking = true;
  try {
    showMetrics(await (await call('metrics')).text());
    $('worker-error').textContent = '';
  } catch (error) {
    $('worker-error').textContent = error.status === 404 ? 'This server keeps no numbers.' : error.message;
  }
  asking = false;
}
document.addEventListener('tab', watchWorker);
setInterval(watchWorker, EVERY);

drawFrame();
showText();
watchServer();
