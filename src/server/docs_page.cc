#include "server/openapi.h"

namespace echo::server {

std::string_view docs_page() {
  return R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Echo-TTS API</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h2 { margin-top: 2rem; border-bottom: 1px solid #8886; }
  details { border: 1px solid #8884; border-radius: 6px; margin: .4rem 0; }
  summary { cursor: pointer; padding: .4rem .8rem; }
  summary b { display: inline-block; width: 3.4rem; text-transform: uppercase; font-size: .8rem; }
  summary code { font-weight: 600; }
  .inside { padding: 0 .8rem .8rem; }
  textarea, input { font: 14px monospace; width: 100%; box-sizing: border-box; }
  textarea { height: 7rem; }
  button { margin: .5rem 0; padding: .3rem 1rem; }
  pre { overflow: auto; max-height: 24rem; background: #8881; padding: .6rem; border-radius: 6px; }
</style>
</head>
<body>
<h1 id="title">Echo-TTS API</h1>
<p id="about"></p>
<p><a href="openapi.json">openapi.json</a> <a id="studio" href="studio" hidden>Studio</a></p>
<p id="keyrow" hidden><label>API key <input id="key" type="password" autocomplete="off"></label></p>
<main id="routes">Loading…</main>
<script>
'use strict';
const element = (name, text, parent) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (parent) parent.append(made);
  return made;
};

function showOperation(path, method, operation, parent) {
  const box = element('details', '', parent);
  const head = element('summary', '', box);
  element('b', method, head);
  element('code', path, head);
  head.append(' ' + operation.summary);
  const inside = element('div', '', box);
  inside.className = 'inside';
  const list = element('ul', '', inside);
  for (const [status, answer] of Object.entries(operation.responses)) {
    element('li', status + ': ' + answer.description, list);
  }
  const fields = {};
  for (const parameter of operation.parameters || []) {
    const label = element('label', parameter.name + ' (' + parameter.in + ') ', inside);
    label.title = parameter.description || '';
    fields[parameter.name] = {place: parameter.in, input: element('input', '', label)};
    if (parameter.name === 'endpoint') fields.endpoint.input.value = 'local';
  }
  const content = operation.requestBody ? operation.requestBody.content : {};
  const json = content['application/json'];
  let body;
  if (json) {
    body = element('textarea', '', inside);
    body.setAttribute('aria-label', 'Body of ' + path);
    body.value = JSON.stringify(json.example, null, 2);
  }
  const form = content['multipart/form-data'] ? {} : null;
  for (const [name, field] of Object.entries(form ? content['multipart/form-data'].schema.properties : {})) {
    const label = element('label', name + ' ', inside);
    label.title = field.description || '';
    form[name] = element('input', '', label);
    if (field.format === 'binary') form[name].type = 'file';
  }
  const button = element('button', 'Try', inside);
  const answer = element('pre', '', inside);
  answer.hidden = true;
  const player = element('audio', '', inside);
  player.controls = player.hidden = true;
  button.onclick = async () => {
    let url = path;
    const query = new URLSearchParams();
    for (const [name, field] of Object.entries(fields)) {
      if (field.place === 'path') {
        url = url.replace('{' + name + '}', encodeURIComponent(field.input.value));
      } else if (field.input.value) {
        query.set(name, field.input.value);
      }
    }
    if (query.size) url += '?' + query;
    answer.hidden = false;
    answer.textContent = '…';
    const headers = {};
    const key = document.getElementById('key').value;
    if (key) headers.Authorization = 'Bearer ' + key;
    let sent = body && body.value;
    if (body) headers['Content-Type'] = 'application/json';
    if (form) {
      sent = new FormData();
      for (const [name, input] of Object.entries(form)) {
        if (input.files ? input.files.length : input.value) sent.append(name, input.files ? input.files[0] : input.value);
      }
    }
    URL.revokeObjectURL(player.src);
    player.hidden = true;
    try {
      const reply = await fetch(url, {method: method.toUpperCase(), headers, body: sent});
      if (reply.ok && (reply.headers.get('Content-Type') || '').startsWith('audio/')) {
        const sound = await reply.blob();
        answer.textContent = reply.status + ' ' + reply.statusText + '\n' + sound.type + ', ' + sound.size + ' bytes';
        player.src = URL.createObjectURL(sound);
        player.hidden = false;
        return;
      }
      const text = await reply.text();
      let shown = text;
      try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch (ignored) { /* not JSON */ }
      answer.textContent = reply.status + ' ' + reply.statusText + '\n' + shown;
    } catch (error) {
      answer.textContent = String(error);
    }
  };
}

async function show() {
  const routes = document.getElementById('routes');
  const api = await (await fetch('openapi.json')).json();
  document.getElementById('title').textContent = api.info.title + ' ' + api.info.version;
  document.getElementById('about').textContent = api.info.description;
  document.getElementById('keyrow').hidden = !api.security;
  document.getElementById('studio').hidden = !api.paths['/studio'];
  routes.textContent = '';
  const sections = {};
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags[0];
      if (!sections[tag]) {
        sections[tag] = element('section', '', routes);
        element('h2', tag, sections[tag]);
      }
      showOperation(path, method, operation, sections[tag]);
    }
  }
}
show().catch(error => { document.getElementById('routes').textContent = String(error); });
</script>
</body>
</html>
)html";
}

}  // namespace echo::server
