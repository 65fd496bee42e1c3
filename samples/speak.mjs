// Speaks a text through an endpoint with nothing but Node 18: node samples/speak.mjs TEXT FILE [VOICE]
//
// ECHO_URL: https://api.runpod.ai/v2/ENDPOINT, or a server of one's own such as
// http://127.0.0.1:8000/v2/local; RUNPOD_API_KEY: its key, if it wants one. To try it without weights,
// `echo-tts worker --rp_serve_api` in another terminal speaks with a small voice; VOICE: rms.flac.
// ECHO_PARAMETERS: a JSON object of the sampler's parameters.
import { writeFile } from 'node:fs/promises';

const [text, file, voice = null] = process.argv.slice(2);
if (!file) {
  console.error('usage: node speak.mjs TEXT FILE [VOICE]');
  process.exit(2);
}
const url = process.env.ECHO_URL ?? 'http://127.0.0.1:8000/v2/local';
const headers = {
  Authorization: `Bearer ${process.env.RUNPOD_API_KEY ?? 'none'}`,
  'Content-Type': 'application/json',
};
const pause = 1000 * Number(process.env.ECHO_POLL_SECONDS ?? 2);

async function call(path, options = {}) {
  const answer = await fetch(url + path, { headers, ...options });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

const input = { text, speaker_voice: voice, parameters: JSON.parse(process.env.ECHO_PARAMETERS ?? '{}') };
const { id } = await call('/run', { method: 'POST', body: JSON.stringify({ input }) });
let job;
do {
  await new Promise((resolve) => setTimeout(resolve, job ? pause : 0));
  job = await call(`/status/${id}`);
} while (job.status === 'IN_QUEUE' || job.status === 'IN_PROGRESS');
if (job.status !== 'COMPLETED') throw new Error(`${job.status}: ${job.error}`);

const audio = await fetch(job.output.url);
if (!audio.ok) throw new Error(`download: ${audio.status}`);
await writeFile(file, Buffer.from(await audio.arrayBuffer()));
console.log(`${file}: ${job.output.metadata.duration} s`);
