// A model hub that gives files to whoever has the token: prints its port, serves until it is killed.
// ORG/NAME/resolve/REVISION/FILE is DIRECTORY/NAME/FILE.
// Usage: node hub_server.js DIRECTORY TOKEN
const { createHash } = require('crypto');
const { existsSync, readFileSync } = require('fs');
const { createServer } = require('http');
const { join } = require('path');
const [directory, token] = process.argv.slice(2);
const commit = 'c0ffee'.padEnd(40, '0');

createServer((request, response) => {
  const end = (status, code) => response.writeHead(status, { 'X-Error-Code': code }).end();
  if (request.headers.authorization !== `Bearer ${token}`) {
    return end(request.headers.authorization ? 403 : 401, 'GatedRepo');
  }
  const match = /^\/[\w.-]+\/([\w-]+)\/resolve\/(\w+)\/([\w-]+\.safetensors)$/.exec(request.url);
  if (!match) return end(404, 'RepoNotFound');
  const file = join(directory, match[1], match[3]);
  if (match[2] !== 'main' && match[2] !== commit) return end(404, 'RevisionNotFound');
  if (!existsSync(file)) return end(404, 'EntryNotFound');
  const content = readFileSync(file);
  const name = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const first = range ? Number(range[1]) : 0;
  const last = range && range[2] ? Math.min(Number(range[2]), content.length - 1) : content.length - 1;
  const headers = {
    ETag: `"${name}"`, 'X-Repo-Commit': commit, 'Accept-Ranges': 'bytes', 'Content-Length': last - first + 1,
  };
  if (range) headers['Content-Range'] = `bytes ${first}-${last}/${content.length}`;
  response.writeHead(range ? 206 : 200, headers);
  response.end(request.method === 'HEAD' ? undefined : content.subarray(first, last + 1));
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
