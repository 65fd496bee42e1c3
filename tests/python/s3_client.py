"""What AWS's own client makes of a bucket that our store has written, and the other way round.

Arguments: endpoint, bucket, key prefix, access key, secret. Standard input: a JSON list of
{"name", "size", "sha256", "type", "link"} of objects that the store has put. Prints one JSON object."""

import hashlib
import json
import sys
import urllib.error
import urllib.request

import boto3
from botocore.client import Config

endpoint, bucket, prefix, key_id, secret = sys.argv[1:]
client = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id=key_id,
    aws_secret_access_key=secret,
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
)
objects = json.load(sys.stdin)
found = {"listed": [], "differing": [], "links": {}, "put": {}}

for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
    found["listed"] += [one["Key"] for one in page.get("Contents", [])]
for one in objects:
    got = client.get_object(Bucket=bucket, Key=prefix + one["name"])
    body = got["Body"].read()
    linked = urllib.request.urlopen(one["link"])
    if (
        hashlib.sha256(body).hexdigest() != one["sha256"]
        or linked.read() != body
        or got["ContentType"] != one["type"]
        or linked.headers["Content-Type"] != one["type"]
    ):
        found["differing"].append(one["name"])
    # A link of theirs, for our reader.
    found["links"][one["name"]] = client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": prefix + one["name"]}, ExpiresIn=600
    )
for number, one in enumerate(objects):
    name = f"theirs {number}+ü.ogg"
    client.put_object(
        Bucket=bucket, Key=prefix + name, Body=one["name"].encode(), ContentType=one["type"]
    )
    found["put"][name] = one["name"]
print(json.dumps(found))
