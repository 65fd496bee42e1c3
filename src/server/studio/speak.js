// The text, its speech while it comes, and the takes so far.

const MOST_TAKES = 20, MOST_SAMPLES = 60e6;  // of all takes: 120 MB
const scope = new Scope($('wave'), $('spectrum'));
const player = new Player(showPlaying);
const takes = [];
let shown = null;    // the take on the screen
let running = null;  // {abort, take} while one is being made

async function speak(order) {
  running?.abort.abort();
  complain(null);
  $('warnings').replaceChildren();
  const asked = performance.now();
  const job = running = {abort: new AbortController(), take: new Take(order)};
  const take = job.take;
  player.play(take);
  show(take);
  scope.reset(Math.max(2, codePoints(order.input) / 12 / (order.speed || 1)));
  say('Speaking');
  showRunning();
  try {
    const answer = await postJson('v1/audio/speech',
        {...order, response_format: 'pcm', sample_rate: RATE, stream: true}, {signal: job.abort.signal});
    take.seed = answer.headers.get('x-echo-seed');
    (answer.headers.get('x-echo-warning') || '').split('; ').filter(Boolean).forEach(
        text => $('warnings').append(make('li', {textContent: text})));
    await readSamples(answer.body, piece => {
      if (running !== job) return;
      take.add(piece);
      player.add(take, piece);
      scope.add(piece);
      const spent = (performance.now() - asked) / 1000;
      take.first ??= spent + LEAD;
      take.factor = spent / take.seconds;
      if (shown === take) showFigures();
    });
    take.complete = true;
    say(`Spoken: ${numberText(take.seconds, 1)} seconds.`);
  } catch (error) {
    take.complete = true;
    const stopped = error.name === 'AbortError';
    say(stopped ? 'Stopped' : '');
    if (!stopped) complain(take.samples ? new Error(`The speech broke off after ${numberText(take.seconds, 1)} seconds.`) : error);
  }
  if (running !== job) return;
  running = null;
  scope.complete = take.seconds;
  if (take.samples) keepTake(take);
  showRunning();
  showPlaying();
}

function speakText() {
  if ($('go').disabled) return;
  try {
    const order = {input: $('text').value, ...chosenSettings()};
    if (chosenVoice()) order.voice = chosenVoice();
    speak(order);
  } catch (error) {
    complain(error);
  }
}

// Ends what is made, and what is heard.
function stopAll() {
  running?.abort.abort();
  if (player.take) player.stop();
}

// ---- what is seen

function show(take) {
  shown = take;
  $('idle').hidden = true;
  showFigures();
  showTakes();
}

function showRunning() {
  const text = $('text').value;
  const fitting = text.trim() && codePoints(text) <= server.max_input_chars;
  $('go').disabled = !server.ready || !fitting;
  $('stop').disabled = !running && !player.take;
  for (const id of ['save', 'play']) $(id).disabled = !shown?.samples || (id === 'save' && !shown.complete);
}

function showPlaying() {
  $('play').classList.toggle('on', player.playing);
  $('play').setAttribute('aria-label', player.playing ? 'Pause' : 'Play');
  showRunning();
}

function showFigures() {
  const take = shown;
  $('first').textContent = take.first ? `${numberText(take.first)} s` : '–';
  $('factor').textContent = take.factor ? numberText(take.factor) : '–';
  $('factor').title = take.factor ? `Made in ${numberText(take.factor * 100, 0)} % of its length` : '';
  $('used').textContent = take.seed ?? '–';
  $('copy').hidden = $('keep').hidden = !take.seed;
  showRunning();
}

function drawFrame() {
  requestAnimationFrame(drawFrame);
  if ($('speak-view').hidden) return;
  if (!shown) return scope.draw(0, false);
  const take = shown, heard = player.take === take ? player.position / RATE : 0;
  scope.draw(heard, player.take === take);
  $('now').textContent = clockText(heard);
  $('length').textContent = clockText(take.seconds);
  if (player.take === take) $('gaps').textContent = player.gaps;
  const slider = $('position');
  slider.setAttribute('aria-valuemax', take.seconds.toFixed(1));
  slider.setAttribute('aria-valuenow', heard.toFixed(1));
  slider.setAttribute('aria-valuetext', `${heard.toFixed(1)} of ${take.seconds.toFixed(1)} seconds`);
}

function seek(seconds) {
  if (!shown?.samples) return;
  player.play(shown, Math.max(0, Math.min(shown.samples - 1, Math.round(seconds * RATE))));
}

// ---- takes

function keepTake(take) {
  takes.unshift(take);
  let samples = 0;
  takes.splice(MOST_TAKES);
  for (const one of takes) {
    samples += one.samples;
    // Its text and seed stay: it can be spoken again.
    if (samples > MOST_SAMPLES && one !== take) Object.assign(one, {pieces: [], samples: 0});
  }
  showTakes();
}

function showTakes() {
  $('no-history').hidden = takes.length > 0;
  $('history').replaceChildren(...takes.map(take => {
    const {input, voice, speed} = take.order;
    const act = (textContent, onclick) => make('button', {type: 'button', className: 'link', textContent, onclick});
    const facts = [voice || 'no voice', `seed ${take.seed}`, `${numberText(take.seconds, 1)} s`];
    if (speed) facts.push(`${speed}×`);
    return make('li', {className: take === shown ? 'on' : ''},
        make('p', {className: 'said', textContent: input, title: input}),
        make('div', {className: 'acts'},
             ...(take.samples ? [act('Play', () => playTake(take)), act('Download', () => download(take))] : []),
             act('Again', () => speak({...take.order, seed: seedOf(take)}))),
        make('small', {textContent: facts.join(' · ')}));
  }));
}

const seedOf = take => Number.isSafeInteger(Number(take.seed)) ? Number(take.seed) : take.seed;

function playTake(take) {
  if (running) stopAll();
  show(take);
  scope.reset(take.seconds);
  take.pieces.forEach(piece => scope.add(piece));
  player.play(take);
}

async function download(take) {
  const format = $('format').value;
  const suffix = format === 'opus' ? 'ogg' : format;
  const name = `echo-${(take.order.voice || 'voice').replace(/[^\p{L}\p{M}\p{N}_-]+/gu, '-')}-${take.seed}.${suffix}`;
  if (format === 'wav') return saveFile(take.wav(), name);
  if (format === 'pcm') return saveFile(new Blob(take.pieces, {type: 'audio/pcm'}), name);
  complain(null);
  say(`Making the ${format} file`);
  $('save').disabled = true;
  try {
    const answer = await postJson('v1/audio/speech',
        {...take.order, seed: seedOf(take), response_format: format, stream: false});
    saveFile(await answer.blob(), name);
    say('Downloaded');
  } catch (error) {
    say('');
    complain(error);
  }
  showRunning();
}

// ---- the text as it will be spoken

let looked = null, lookTimer = 0;

function showText() {
  const text = $('text').value, count = codePoints(text), most = server.max_input_chars;
  $('count').textContent = `${count.toLocaleString('en')}${most ? ` / ${most.toLocaleString('en')}` : ''} characters`;
  $('count').classList.toggle('over', count > most);
  $('estimate').textContent = count ? `≈ ${Math.max(1, Math.round(count / 12 / Number($('speed').value)))} s` : '';
  showRunning();
  clearTimeout(lookTimer);
  lookTimer = setTimeout(preview, 400);
}

async function preview() {
  looked?.abort();
  const text = $('text').value;
  if (!text.trim() || !server.ready) {
    $('chunks').replaceChildren();
    $('changes').replaceChildren();
    return;
  }
  looked = new AbortController();
  try {
    const plan = await (await postJson('v1/audio/preview', {input: text, ...chosenSettings()}, {signal: looked.signal})).json();
    const seconds = Math.max(1, Math.round(plan.estimated_seconds / Number($('speed').value)));
    const chunks = plan.chunks.length;
    $('estimate').textContent = `≈ ${seconds} s · ${chunks} chunk${chunks === 1 ? '' : 's'}`;
    $('chunks').replaceChildren(...plan.chunks.map(chunk => make('li', {},
        make('span', {textContent: chunk.text}), make('small', {textContent: `${numberText(chunk.estimated_seconds, 1)} s`}))));
    $('changes').replaceChildren(...plan.changes.slice(0, 100).map(change =>
        make('li', {textContent: `${change.from.trim() || '␣'} → ${change.to.trim() || '∅'}`, title: change.rule})));
  } catch {
    // Speaking tells what is wrong.
  }
}

// ---- what the user does

$('go').onclick = speakText;
$('stop').onclick = stopAll;
$('play').onclick = () => {
  if (player.take === shown && (player.playing || player.paused)) player.pause(player.playing);
  else if (shown) seek(0);
};
$('save').onclick = () => download(shown);
$('copy').onclick = async () => {
  // There is no clipboard where the page came without encryption.
  await navigator.clipboard?.writeText(shown.seed);
  say(navigator.clipboard ? 'The seed was copied.' : `Seed ${shown.seed}`);
};
$('keep').onclick = () => {
  $('seed').value = shown.seed;
  say('The next takes use this seed.');
};
$('position').onclick = event => {
  const box = $('position').getBoundingClientRect();
  seek((event.clientX - box.left) / box.width * scope.span);
};
$('position').onkeydown = event => {
  const step = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10}[event.key];
  const at = event.key === 'Home' ? 0 : step && player.position / RATE + step;
  if (at === undefined) return;
  event.preventDefault();
  seek(at);
};
$('text').oninput = showText;
document.addEventListener('preview', showText);
document.addEventListener('keydown', event => {
  if (document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape' && !$('stop').disabled) stopAll();
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !$('speak-view').hidden) {
    event.preventDefault();
    speakText();
  }
});
whenReady.push(showText);
