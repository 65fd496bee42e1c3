// Voices: chosen, heard, recorded, added, deleted.

let voices = [], voice = '';
const chosenVoice = () => voice;
const voicePath = name => `v1/audio/voices/${encodeURIComponent(name)}`;
const ICON = {
  play: 'M8 5l11 7-11 7z', bin: 'M6 7h12l-1 13H7zM9 4h6v2h4v2H5V6h4z'};

function icon(path) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg'), shape = document.createElementNS(space, 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}

async function loadVoices() {
  try {
    const list = await (await call('v1/audio/voices')).json();
    voices = list.data.map(one => one.id).filter(id => !(id === 'default' && list.data.length === 1))
        .sort((a, b) => a.localeCompare(b));
    if (!voices.includes(voice)) voice = voices[0] ?? '';
    showVoices();
    showVoiceFacts();
  } catch (error) {
    complain(error);
  }
}

function voiceRow(name) {
  const choice = make('input', {type: 'radio', name: 'voice', value: name, checked: name === voice});
  choice.onchange = () => {
    voice = name;
    showVoiceFacts();
  };
  const face = make('span', {className: 'face', textContent: name ? [...name][0].toUpperCase() : '–'});
  face.setAttribute('aria-hidden', 'true');
  if (name) {
    let hue = 0;
    for (const c of name) hue = (hue * 31 + c.codePointAt(0)) % 360;
    face.style.setProperty('--face', `hsl(${hue} 45% 38%)`);
  }
  const text = make('span', {className: 'name', textContent: name || 'No voice'});
  if (!name) text.append(make('small', {textContent: 'The speaker follows from text and seed'}));
  const row = make('label', {}, choice, face, text);
  if (name) {
    const listen = make('button', {type: 'button', title: `Listen to ${name}`, onclick: () => hear(name)}, icon(ICON.play));
    listen.setAttribute('aria-label', `Listen to ${name}`);
    row.append(listen);
  }
  return row;
}

function showVoices() {
  const wanted = $('find').value.trim().toLowerCase();
  $('find').hidden = voices.length < 6 && !wanted;
  const found = voices.filter(name => name.toLowerCase().includes(wanted));
  $('voices').replaceChildren(...found.map(voiceRow), ...(wanted ? [] : [voiceRow('')]));
}

async function showVoiceFacts() {
  const name = voice;
  $('voice-facts').replaceChildren();
  if (!name) return;
  try {
    const facts = await (await call(voicePath(name))).json();
    if (name !== voice) return;
    const parts = [`${numberText(facts.bytes / 1024, 0)} KB`];
    if (facts.seconds) parts.unshift(`${numberText(facts.seconds, 1)} s of ${name}`);
    $('voice-facts').textContent = parts.join(' · ') + ' ';
    if (facts.deletable) {
      const remove = make('button', {type: 'button', className: 'link', textContent: `Delete`, onclick: () => removeVoice(name)});
      remove.setAttribute('aria-label', `Delete the voice ${name}`);
      $('voice-facts').append(remove);
    }
  } catch {
    // It may be gone; the list tells.
  }
}

async function hear(name) {
  try {
    const sound = $('voice-audio');
    URL.revokeObjectURL(sound.src);
    sound.src = URL.createObjectURL(await (await call(`${voicePath(name)}/audio`)).blob());
    await sound.play();
  } catch (error) {
    complain(error);
  }
}

async function removeVoice(name) {
  if (!confirm(`Delete the voice ${name}? Its recording is removed from the server.`)) return;
  try {
    await call(voicePath(name), {method: 'DELETE'});
    say(`${name} was deleted.`);
    await loadVoices();
  } catch (error) {
    complain(error);
  }
}

// ---- a new voice

let clip = null, clipUrl = '';

async function offerClip(blob, name) {
  $('add-error').textContent = '';
  clip = blob;
  URL.revokeObjectURL(clipUrl);
  $('clip-audio').src = clipUrl = URL.createObjectURL(blob);
  $('clip').hidden = false;
  if (name) $('clip-name').value = name;
  const notes = [];
  try {
    const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await blob.arrayBuffer());
    const samples = sound.getChannelData(0);
    let peak = 0, flat = 0;
    for (const x of samples) peak = Math.max(peak, Math.abs(x));
    for (const x of samples) flat += Math.abs(x) >= 0.99;
    notes.push([`${numberText(sound.duration, 1)} seconds, loudest at ${numberText(20 * Math.log10(peak + 1e-9), 0)} dB`]);
    if (peak < 1e-3) notes.push(['It is silent.', true]);
    else if (sound.duration < 5) notes.push(['It is short: 10 to 30 seconds are best.', true]);
    if (sound.duration > 300) notes.push(['Only its first 300 seconds are used.', true]);
    if (flat > samples.length / 1000) notes.push(['It is clipped: record it more quietly.', true]);
  } catch {
    notes.push(['This browser cannot look into it; the server will.']);
  }
  if (server.max_voice_bytes && blob.size > server.max_voice_bytes) {
    notes.push([`It has ${numberText(blob.size / 1048576, 1)} MB, the server takes ${numberText(server.max_voice_bytes / 1048576, 0)}.`, true]);
  }
  $('clip-facts').replaceChildren(...notes.map(([text, bad]) => make('li', {textContent: text, className: bad ? 'bad' : ''})));
}

const nameOf = file => file.name.replace(/\.[^.]*$/, '').replace(/[^\p{L}\p{M}\p{N} _.-]+/gu, ' ').trim().slice(0, 64);

// XMLHttpRequest, since fetch() does not tell how much has been sent.
function send(form) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', 'v1/audio/voices');
    for (const [name, value] of Object.entries(keys.headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = event => { $('sent').value = event.loaded / event.total; };
    request.onload = () => request.status === 200 ? resolve(JSON.parse(request.responseText))
                                                  : reject(errorOf(request.status, request.responseText));
    request.onerror = () => reject(new Error('The server cannot be reached.'));
    request.send(form);
  });
}

async function uploadClip() {
  const form = new FormData();
  form.append('name', $('clip-name').value);
  if ($('clip-text').value.trim()) form.append('text', $('clip-text').value.trim());
  form.append('audio_sample', clip, 'recording');
  $('add-error').textContent = '';
  $('upload').disabled = true;
  $('sent').value = 0;
  $('sent').hidden = false;
  try {
    let made;
    try {
      made = await send(form);
    } catch (error) {
      if (error.status === 401 && await keys.ask()) {
        made = await send(form);
      } else if (error.code === 'voice_exists' && confirm(`${error.message} Replace it?`)) {
        form.append('overwrite', 'true');
        made = await send(form);
      } else {
        throw error;
      }
    }
    voice = made.id;
    say(`${made.id} was added.`);
    $('clip').hidden = true;
    $('add').open = false;
    $('clip-name').value = $('clip-text').value = '';
    await loadVoices();
  } catch (error) {
    $('add-error').textContent = error.message;
  }
  $('sent').hidden = true;
  $('upload').disabled = false;
}

// ---- the microphone

let recording = null;

async function startRecording() {
  const stream = await navigator.mediaDevices.getUserMedia(
      {audio: {channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  const context = new AudioContext(), analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const recorder = new MediaRecorder(stream), parts = [], begun = Date.now();
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    $('loudness').value = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    $('record').textContent = `Stop at ${clockText((Date.now() - begun) / 1000)}`;
    if (Date.now() - begun > 300000) recorder.stop();
  }, 100);
  recorder.ondataavailable = event => parts.push(event.data);
  recorder.onstop = () => {
    clearInterval(timer);
    stream.getTracks().forEach(track => track.stop());
    context.close();
    recording = null;
    $('loudness').hidden = true;
    $('record').classList.remove('on');
    $('record').textContent = 'Record again';
    offerClip(new Blob(parts, {type: recorder.mimeType}), '');
  };
  recorder.start();
  recording = recorder;
  $('loudness').hidden = false;
  $('record').classList.add('on');
}

$('record').onclick = async () => {
  try {
    if (recording) recording.stop(); else await startRecording();
  } catch (error) {
    $('add-error').textContent = error.name === 'NotAllowedError' ? 'The browser was not allowed to use the microphone.' : error.message;
  }
};
$('file').onchange = () => {
  const file = $('file').files[0];
  if (file) offerClip(file, nameOf(file));
  $('file').value = '';  // so that the same one may be chosen again
};
$('upload').onclick = uploadClip;
$('find').oninput = showVoices;
const card = $('voice-card');
card.ondragover = event => {
  event.preventDefault();
  card.classList.add('over');
};
card.ondragleave = () => card.classList.remove('over');
card.ondrop = event => {
  event.preventDefault();
  card.classList.remove('over');
  const file = event.dataTransfer.files[0];
  if (!file || $('add').hidden) return;
  $('add').open = true;
  offerClip(file, nameOf(file));
};

whenReady.push(() => {
  $('add').hidden = !server.uploads;
  $('no-uploads').hidden = server.uploads;
  const microphone = !!navigator.mediaDevices && !!window.MediaRecorder;
  $('record').hidden = !microphone;
  $('no-record').hidden = microphone;
  loadVoices();
});
