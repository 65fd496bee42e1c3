// OpenAI's own client, unmodified, against the speech API. Arguments: the port of a server that
// speaks a tone, the port of one whose queue is full. Prints one JSON object of what it saw.
'use strict';

const found = {};

async function main() {
  const { default: OpenAI } = await import('openai');
  const [port, full] = process.argv.slice(2);
  const client = new OpenAI({apiKey: 'key', baseURL: `http://127.0.0.1:${port}/v1`});
  const voice = 'alloy', model = 'tts-1', input = 'Hello there.';

  found.formats = {};
  for (const response_format of ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm']) {
    const answer = await client.audio.speech.create({model, voice, input, response_format});
    const bytes = Buffer.from(await answer.arrayBuffer());
    found.formats[response_format] = {
      type: answer.headers.get('content-type'), bytes: bytes.length,
      begins: bytes.subarray(0, 4).toString('latin1')};
  }

  const events = await client.audio.speech.create(
      {model, voice, input, response_format: 'pcm', stream_format: 'sse'});
  found.events = await events.text();

  const failure = async promise => {
    try {
      await promise;
    } catch (error) {
      return {name: error.constructor.name, status: error.status, code: error.code,
              param: error.param, type: error.type, id: error.requestID};
    }
  };
  found.unknownModel =
      await failure(client.audio.speech.create({model: 'none', voice, input}));
  found.unknownVoice = await failure(client.audio.speech.create({model, voice: 'nobody', input}));
  found.badSpeed = await failure(client.audio.speech.create({model, voice, input, speed: 9}));
  found.broken = await failure(client.audio.speech.create({model, voice, input: 'Break it.'}));

  found.models = [];
  for await (const one of client.models.list()) found.models.push(one.id);
  found.model = (await client.models.retrieve('tts-1')).id;

  const busy = new OpenAI({apiKey: 'key', baseURL: `http://127.0.0.1:${full}/v1`});
  found.full = await failure(busy.audio.speech.create({model, voice, input}));
  process.stdout.write(JSON.stringify(found) + '\n');
}

main().catch(error => {
  process.stderr.write(`${error.stack || error}\n`);
  process.exit(1);
});
