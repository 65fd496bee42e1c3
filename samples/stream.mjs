// Writes a text's speech while it is made, with OpenAI's own client: npm install openai, then
//   node samples/stream.mjs TEXT [VOICE] | aplay
//
// ECHO_BASE_URL: http://127.0.0.1:8000/v1; ECHO_API_KEY: the server's key, if it wants one.
// ECHO_PARAMETERS: a JSON object of more fields of the request.
import { once } from 'node:events';
import OpenAI from 'openai';

const [text, voice = 'alloy'] = process.argv.slice(2);
if (!text) {
  console.error('usage: node stream.mjs TEXT [VOICE] | aplay');
  process.exit(2);
}
const client = new OpenAI({
  baseURL: process.env.ECHO_BASE_URL ?? 'http://127.0.0.1:8000/v1',
  apiKey: process.env.ECHO_API_KEY ?? 'none',
});
const begin = performance.now();
const answer = await client.audio.speech.create({
  model: 'echo-tts', voice, input: text, response_format: 'wav',
  ...JSON.parse(process.env.ECHO_PARAMETERS ?? '{}'),
});
let bytes = 0;
for await (const piece of answer.body) {
  if (bytes === 0) console.error(`first sound after ${Math.round(performance.now() - begin)} ms`);
  bytes += piece.length;
  if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}
