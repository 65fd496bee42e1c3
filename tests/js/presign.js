// Links as Amazon's own presigner makes them. Reads a JSON list of
// {endpoint?, region, pathStyle, bucket, key, keyId, secret, token?, date, ttl}, prints a JSON list of links.
const { S3Client, GetObjectCommand } = require('@aws-sdk/client-s3');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');

async function presign(item) {
  const client = new S3Client({
    endpoint: item.endpoint,
    region: item.region,
    forcePathStyle: item.pathStyle,
    credentials: { accessKeyId: item.keyId, secretAccessKey: item.secret, sessionToken: item.token },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return getSignedUrl(client, new GetObjectCommand({ Bucket: item.bucket, Key: item.key }), {
    expiresIn: item.ttl,
    signingDate: new Date(item.date),
  });
}

const items = JSON.parse(process.argv[2]);
Promise.all(items.map(presign)).then((links) => console.log(JSON.stringify(links)));
