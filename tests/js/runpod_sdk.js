// The platform's own client, unmodified, against the local API. Arguments: port. The server's
// handler does what its input says. Prints one JSON object of what the client saw.
'use strict';

const found = {};
console.log = () => {};  // the client reports its polling there

async function main() {
  // An ES module: Node 18 cannot require() it.
  const { default: sdk } = await import('runpod-sdk');
  const runpodSdk = sdk.default || sdk;
  const port = process.argv[2];
  const endpoint = runpodSdk('key', {baseUrl: `http://127.0.0.1:${port}/v2`}).endpoint('ep');

  found.runSync = await endpoint.runSync({input: {return: {spoken: 'sync'}}});
  found.runSyncFailed = await endpoint.runSync({input: {error: 'no voice'}});

  const job = await endpoint.run({input: {return: 'async'}, policy: {executionTimeout: 60000}});
  found.run = job;
  found.statusSync = await endpoint.statusSync(job.id);
  found.status = await endpoint.status(job.id);

  const streamed = await endpoint.run({input: {stream: ['a', {b: 2}, 'c']}});
  found.stream = [];
  for await (const piece of endpoint.stream(streamed.id)) found.stream.push(piece);

  // Pieces come while the job runs.
  const open = await endpoint.run({input: {stream: ['early'], wait: true}});
  for await (const piece of endpoint.stream(open.id)) {
    found.early = piece;
    found.whileRunning = (await endpoint.status(open.id)).status;
    break;
  }
  await endpoint.cancel(open.id);

  // Held without a pause of the client's own: each of these is one request while the job waits.
  const waiting = await endpoint.run({input: {wait: true}});
  const queued = await endpoint.run({input: {return: 1}});
  const before = endpoint.statusSync(waiting.id);
  found.healthBusy = await endpoint.health();
  found.purge = await endpoint.purgeQueue();
  found.purged = (await endpoint.status(queued.id)).status;
  found.cancel = await endpoint.cancel(waiting.id);
  found.held = (await before).status;
  found.cancelled = (await endpoint.status(waiting.id)).status;
  found.health = await endpoint.health();

  process.stdout.write(JSON.stringify(found) + '\n');
}

main().catch(error => {
  process.stderr.write(`${error.stack || error}\n`);
  process.exit(1);
});
