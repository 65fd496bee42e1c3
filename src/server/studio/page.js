'use strict';
// What all parts of the page use: elements, calls of the API, the key, the state of the server.

const $ = id => document.getElementById(id);

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const RATE = 44100;
const clockText = seconds => {
  const tenths = Math.round(seconds * 10);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, '0')}.${tenths % 10}`;
};
const numberText = (value, digits = 2) =>
    value.toLocaleString('en', {maximumFractionDigits: digits, minimumFractionDigits: digits});
const codePoints = text => [...text].length;

// What the server says of itself: limits, defaults, whether voices may be added.
let server = {ready: false, parameters: {}};
const whenReady = [];

// The key, which is asked for when the server wants one.
const keys = {
  asked: null,
  get: () => sessionStorage.getItem('echo-key') || '',
  headers: () => keys.get() ? {Authorization: `Bearer ${keys.get()}`} : {},
  // Resolves to whether there is a new one; several calls share one question.
  ask() {
    return this.asked ??= new Promise(resolve => {
      const dialog = $('key-dialog');
      const done = given => {
        this.asked = null;
        if (dialog.open) dialog.close();
        resolve(given);
      };
      $('key-form').onsubmit = event => {
        event.preventDefault();
        sessionStorage.setItem('echo-key', $('key').value.trim());
        $('key').value = '';
        done(true);
      };
      $('key-cancel').onclick = () => done(false);
      dialog.oncancel = () => done(false);
      dialog.showModal();
    });
  },
};

class ServerError extends Error {
  constructor(status, error) {
    super(error.message || `The server answered with ${status}.`);
    this.status = status;
    this.code = error.code;
  }
}

// The sentence of an error's body, in either of the server's shapes.
function errorOf(status, text) {
  try {
    const error = JSON.parse(text).error;
    return new ServerError(status, typeof error === 'string' ? {message: error} : error);
  } catch {
    return new ServerError(status, {});
  }
}

// Calls the API; paths have no slash in front, so that a proxy may put the page anywhere. Throws
// ServerError for what is no success.
async function call(path, options = {}) {
  for (;;) {
    const used = keys.get();
    const answer = await fetch(path, {...options, headers: {...options.headers, ...keys.headers()}});
    if (answer.ok) return answer;
    const error = errorOf(answer.status, await answer.text());
    if (answer.status !== 401) throw error;
    if (keys.get() === used && !await keys.ask()) throw error;
  }
}
const postJson = (path, body, options = {}) => call(path, {
  ...options, method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});

const say = text => { $('status').textContent = text; };
const complain = error => { $('error').textContent = error ? error.message || String(error) : ''; };

function saveFile(blob, name) {
  const link = make('a', {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// Looks at the server until it can speak, then now and then.
async function watchServer() {
  const states = {loading: 'Loading the model', ready: 'Ready', broken: 'Broken', draining: 'Shutting down'};
  let state = 'gone';
  try {
    state = (await (await fetch('health')).json()).status;
    if (state === 'ready' && !server.ready) {
      const settings = await (await fetch('studio/settings')).json();
      if (settings.ready) {
        server = settings;
        whenReady.forEach(start => start());
      }
    }
  } catch {
    // The next look may find it.
  }
  $('health').dataset.state = state;
  $('health').lastElementChild.textContent = states[state] || 'Not reachable';
  setTimeout(watchServer, server.ready ? 10000 : 1000);
}

// Two tabs, of which the arrow keys choose one.
const tabs = [...document.querySelectorAll('[role=tab]')];
function chooseTab(chosen) {
  for (const tab of tabs) {
    const on = tab === chosen;
    tab.setAttribute('aria-selected', on);
    tab.tabIndex = on ? 0 : -1;
    $(tab.getAttribute('aria-controls')).hidden = !on;
  }
  document.dispatchEvent(new Event('tab'));
}
tabs.forEach((tab, i) => {
  tab.onclick = () => chooseTab(tab);
  tab.onkeydown = event => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!step) return;
    const next = tabs[(i + step + tabs.length) % tabs.length];
    chooseTab(next);
    next.focus();
  };
});
