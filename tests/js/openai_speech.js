// OpenAI's own client, unmodified, against the speech API. Arguments: the port of a server that
// speaks a tone, the port of one whose queue is full, a folder for the files. Prints one JSON object
// of what it saw.
'use strict';
const fs = require('fs');

const [port, fullPort, folder] = process.argv.slice(2);
const host = `http://127.0.0.1:${port}`;
const said = {model: 'tts-1', voice: 'alloy', input: 'Hello there.'};
// Two chunks: the server holds the second until nobody listens any more.
const twoChunks = {
  model: 'echo-tts', voice: 'anna', input: 'Leave me after these words. Nobody waits to hear these.', response_format: 'pcm',
  max_chars_per_chunk: 30, normalize_boundaries: false, enable_crossfade: false,
};
const found = {};

const failure = promise => promise.then(() => null, error => ({
  name: error.constructor.name, status: error.status, code: error.code, param: error.param,
  type: error.type, id: error.requestID, again: error.headers.get('retry-after-ms'),
}));

const bytesOf = async answer => Buffer.from(await (await answer).arrayBuffer());

// Until the server has noticed that so many of its listeners are gone.
async function waitUntilLeft(count) {
  const end = Date.now() + 300000;
  const line = `echotts_cancelled_total{cause="disconnect"} ${count}\n`;
  for (;;) {
    const answer = await fetch(`${host}/metrics`, {headers: {authorization: 'Bearer key'}});
    if ((await answer.text()).includes(line)) return;
    if (Date.now() > end) throw new Error('the server speaks on to nobody');
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

async function main() {
  // An ES module: Node 18 cannot require() it.
  const {default: OpenAI} = await import('openai');
  const clientAt = (base, more) => new OpenAI({apiKey: 'key', baseURL: base, ...more});
  const client = clientAt(`${host}/v1`);
  const speak = (fields, options) => client.audio.speech.create({...said, ...fields}, options);

  found.types = {};
  for (const response_format of ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm']) {
    const answer = await speak({response_format});
    found.types[response_format] = answer.headers.get('content-type');
    fs.writeFileSync(`${folder}/speech.${response_format}`, await bytesOf(answer));
  }

  const fields = {response_format: 'pcm', seed: 7};
  const answer = await speak({...fields, stream_format: 'sse'});
  found.events_type = answer.headers.get('content-type');
  const events = (await answer.text()).split('\n').filter(line => line.startsWith('data: '))
      .map(line => JSON.parse(line.slice(6)));
  found.events = [...new Set(events.map(event => event.type))].sort();
  found.usage = events.at(-1).usage;
  found.events_are_the_file = (await bytesOf(speak(fields))).equals(
      Buffer.concat(events.map(event => Buffer.from(event.audio ?? '', 'base64'))));

  found.models = [];
  for await (const one of client.models.list()) found.models.push(one.id);
  found.model = (await client.models.retrieve('tts-1')).id;
  found.prefixes = {};
  for (const prefix of ['/v1', '/openai/v1', '/v2/any/openai/v1']) {
    const other = clientAt(host + prefix);
    found.prefixes[prefix] =
        (await bytesOf(other.audio.speech.create({...said, response_format: 'pcm'}))).length;
  }

  found.unknown_model = await failure(speak({model: 'none'}));
  found.unknown_voice = await failure(speak({voice: 'nobody'}));
  found.bad_speed = await failure(speak({speed: 9}));
  found.broken = await failure(speak({input: 'Break it.'}));
  found.wrong_key =
      await failure(clientAt(`${host}/v1`, {apiKey: 'wrong'}).audio.speech.create(said));
  found.full_asked = 0;
  const counted = (...request) => {
    ++found.full_asked;
    return fetch(...request);
  };
  const full = clientAt(`http://127.0.0.1:${fullPort}/v1`, {fetch: counted});
  found.full = await failure(full.audio.speech.create(said));
  const begin = performance.now();
  found.retried_bytes =
      (await bytesOf(speak({input: 'Try again.', response_format: 'pcm'}))).length;
  found.retried_after = (performance.now() - begin) / 1000;

  for await (const piece of (await client.audio.speech.create(twoChunks)).body) break;
  await waitUntilLeft(1);
  const reader = (await client.audio.speech.create(twoChunks)).body.getReader();
  await reader.read();
  await reader.cancel();
  await waitUntilLeft(2);
  found.left = 2;
  process.stdout.write(JSON.stringify(found) + '\n');
}

main().catch(error => {
  process.stderr.write(`${error.stack || error}\n`);
  process.exit(1);
});
