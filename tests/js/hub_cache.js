// What the hub's own JavaScript client makes of a cache folder. Prints one JSON object.
// Usage: node hub_cache.js scan CACHE
//        node hub_cache.js download CACHE HUB_URL REPOSITORY FILE
const { scanCacheDir, downloadFileToCacheDir } = require('@huggingface/hub');
const [action, cacheDir, hubUrl, repo, path] = process.argv.slice(2);
console.debug = () => {};

async function scan() {
  const found = await scanCacheDir(cacheDir);
  return {
    warnings: found.warnings.map(String),
    repos: found.repos.map((one) => ({
      name: one.id.name,
      type: one.id.type,
      revisions: one.revisions.map((revision) => ({
        commit: revision.commitOid,
        refs: revision.refs,
        files: revision.files.map((file) => ({
          path: file.path, blob: file.blob.path, size: file.blob.size,
        })),
      })),
    })),
  };
}

const work = action === 'scan' ? scan() : downloadFileToCacheDir({ repo, path, hubUrl, cacheDir });
work.then((result) => console.log(JSON.stringify(result)));
