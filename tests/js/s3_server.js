// An S3 server that checks signatures: prints its port, serves until it is killed.
// Usage: node s3_server.js DIRECTORY BUCKET...     Keys: S3RVER / S3RVER, and those of
// S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY where they are set.
const S3rver = require('@20minutes/s3rver');
const { DUMMY_ACCOUNT } = require('@20minutes/s3rver/lib/models/account');
const [directory, ...buckets] = process.argv.slice(2);
const { S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = process.env;
if (S3_ACCESS_KEY_ID) DUMMY_ACCOUNT.createKeyPair(S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY);
new S3rver({
  directory,
  address: '127.0.0.1',
  port: 0,
  vhostBuckets: false,
  silent: true,
  configureBuckets: buckets.map((name) => ({ name })),
}).run().then((address) => console.log(address.port));
