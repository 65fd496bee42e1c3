"""What the hub's own Python client makes of a cache folder. Prints one JSON value.

    hub_client.py scan CACHE
    hub_client.py local CACHE REPOSITORY           the snapshot, without a request
    hub_client.py download CACHE REPOSITORY FILE   from HF_ENDPOINT
"""

import json
import sys

import huggingface_hub

action, cache, *rest = sys.argv[1:]


def scan():
    found = huggingface_hub.scan_cache_dir(cache)
    return {
        "warnings": [str(warning) for warning in found.warnings],
        "repos": [
            {
                "name": repo.repo_id,
                "type": repo.repo_type,
                "revisions": [
                    {
                        "commit": revision.commit_hash,
                        "refs": sorted(revision.refs),
                        "files": [
                            {
                                "path": str(file.file_path),
                                "blob": str(file.blob_path),
                                "size": file.size_on_disk,
                            }
                            for file in revision.files
                        ],
                    }
                    for revision in repo.revisions
                ],
            }
            for repo in found.repos
        ],
    }


def local():
    return huggingface_hub.snapshot_download(rest[0], cache_dir=cache, local_files_only=True)


def download():
    return huggingface_hub.hf_hub_download(rest[0], rest[1], cache_dir=cache)


print(json.dumps({"scan": scan, "local": local, "download": download}[action]()))
