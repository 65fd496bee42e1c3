#include "doctor/weight_checks.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/units.h"
#include "checkpoint/echo_dit_layout.h"
#include "checkpoint/s1_dac_layout.h"
#include "models/pca_state.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFetchAgain = "remove the file and fetch it again with `echo-tts download`";

bool is_sha256(const std::string& name) {
  return name.size() == 64 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Of the bytes from `begin` on.
std::string sha256_of(const fs::path& path, uint64_t begin, const std::stop_token& stop) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(begin));
  if (!file) throw_unavailable(path.string() + ": cannot be read");
  Digest sum(DigestKind::kSha256);
  std::vector<char> buffer(size_t{4} << 20);
  while (file) {
    if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "hashing was given up");
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    sum.update({buffer.data(), static_cast<size_t>(file.gcount())});
  }
  if (file.bad()) throw_unavailable(path.string() + ": reading failed");
  return hex(sum.finish());
}

}  // namespace

Finding check_weights(const ModelFiles& files) {
  const auto [dit, codec, pca] = open_model(files);
  const EchoDitConfig config = infer_echo_dit_config(dit);
  infer_s1_dac_config(codec);
  read_pca_state(pca);
  uint64_t bytes = 0;
  for (const fs::path& file : std::set<fs::path>{files.dit, files.codec, files.pca}) {
    bytes += fs::file_size(file);
  }
  return {Verdict::kPass, (is_pack(dit.file()) ? files.dit : files.dit.parent_path()).string() +
                              ": " + gigabytes(bytes, 2) + ", " +
                              std::to_string(config.num_layers) + " layers, blockwise part " +
                              (config.blockwise ? "there" : "not there")};
}

Finding check_hashes(const ModelFiles& files, std::stop_token stop) {
  size_t good = 0, unknown = 0;
  for (const fs::path& file : std::set<fs::path>{files.dit, files.codec, files.pca}) {
    const fs::path content = fs::canonical(file);
    const std::string name = content.filename();
    if (is_sha256(name) && content.parent_path().filename() == "blobs") {
      if (sha256_of(content, 0, stop) != name) {
        return {Verdict::kFail, file.string() + ": its bytes are not those that were published",
                kFetchAgain};
      }
      ++good;
    } else if (const auto packed = SafetensorsFile::open(file); is_pack(*packed)) {
      const auto hash = packed->metadata().find(std::string(kHashKey));
      if (hash == packed->metadata().end() ||
          sha256_of(file, packed->data_begin(), stop) != hash->second) {
        return {Verdict::kFail, file.string() + ": its bytes are not those that were packed",
                "pack the model again with `echo-tts pack`"};
      }
      ++good;
    } else {
      ++unknown;
    }
  }
  std::string detail = std::to_string(good) + " of " + std::to_string(good + unknown) +
                       " files have the hash that is known of them";
  if (unknown > 0) detail += ", of the others none is known";
  return {Verdict::kPass, detail};
}

}  // namespace echo
