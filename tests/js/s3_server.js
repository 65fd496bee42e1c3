// An S3 server that checks signatures: prints its port, serves until it is killed.
// Usage: node s3_server.js DIRECTORY BUCKET...     Keys: S3RVER / S3RVER.
const S3rver = require('@20minutes/s3rver');
const [directory, ...buckets] = process.argv.slice(2);
new S3rver({
  directory,
  address: '127.0.0.1',
  port: 0,
  vhostBuckets: false,
  silent: true,
  configureBuckets: buckets.map((name) => ({ name })),
}).run().then((address) => console.log(address.port));
