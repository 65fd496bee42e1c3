// What is asked for beside text and voice. A control that is left alone asks for nothing, so that
// the server's own default acts, which is shown.

const SETTINGS = [
  ['num_steps', 'Steps', 'More take longer and change little beyond 40.'],
  ['cfg_scale_text', 'Guidance by the text', 'Higher keeps closer to the words.'],
  ['cfg_scale_speaker', 'Guidance by the voice', 'Higher keeps closer to the recording.'],
  ['force_speaker', 'Hold the voice', 'For a voice that drifts away: 1.1 to 1.5.'],
  ['continuity', 'Continuity', 'What a part of a long text hears of those before it.', ['none', 'paragraph', 'text']],
  ['text_processing', 'Read numbers and markup', 'As people do, and cut at sentence ends.', ['true', 'false']],
];
const WORDS = {true: 'yes', false: 'no', null: 'off', none: 'none', paragraph: 'paragraph', text: 'whole text'};

function showSettings() {
  $('more').replaceChildren(...SETTINGS.map(([name, label, help, choices]) => {
    const standard = server.parameters[name]?.default ?? 'null';
    const control = choices
        ? make('select', {id: name}, make('option', {value: '', textContent: `${WORDS[standard] ?? standard} (default)`}),
               ...choices.map(value => make('option', {value, textContent: WORDS[value]})))
        : make('input', {id: name, type: 'text', inputMode: 'decimal', autocomplete: 'off', placeholder: WORDS[standard] ?? standard});
    if (!choices) control.oninput = () => control.classList.toggle('bad-value', !fits(name, control.value));
    control.setAttribute('aria-describedby', `${name}-help`);
    control.onchange = settingsChanged;
    return make('div', {className: 'field row'}, make('label', {htmlFor: name, textContent: label}), control,
                make('p', {id: `${name}-help`, className: 'hint', textContent: help}));
  }));
}

function fits(name, text) {
  const {minimum, maximum} = server.parameters[name] ?? {};
  return !text.trim() || (Number(text) >= minimum && Number(text) <= maximum);
}

// The fields of a request. Throws an Error that names the control at fault.
function chosenSettings() {
  const chosen = {};
  for (const [name, label, , choices] of SETTINGS) {
    const text = $(name)?.value.trim();
    if (!text) continue;
    const {minimum, maximum} = server.parameters[name] ?? {};
    if (!choices && !fits(name, text)) throw new Error(`${label}: found ${text}, expected a number from ${minimum} to ${maximum}.`);
    chosen[name] = choices ? (text === 'true' || text === 'false' ? text === 'true' : text) : Number(text);
  }
  if (Number($('speed').value) !== 1) chosen.speed = Number($('speed').value);
  const seed = $('seed').value.trim();
  if (seed && !/^\d{1,19}$/.test(seed)) throw new Error('Seed: expected a whole number.');
  // Larger ones than a number of the page can hold go as they are.
  if (seed) chosen.seed = Number.isSafeInteger(Number(seed)) ? Number(seed) : seed;
  return chosen;
}

function settingsChanged() {
  $('speed-value').textContent = `${Number($('speed').value)}×`;
  document.dispatchEvent(new Event('preview'));
}
$('speed').oninput = settingsChanged;
$('dice').onclick = () => {
  $('seed').value = '';
  $('seed').focus();
};
$('reset').onclick = () => {
  showSettings();
  $('speed').value = 1;
  settingsChanged();
};
whenReady.push(showSettings);
