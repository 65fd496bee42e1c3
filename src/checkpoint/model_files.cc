#include "checkpoint/model_files.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "nn/safetensors.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxCandidates = 4096;  // entries looked at in one folder

// One of the three files: what it is called, and how its content is known.
struct Role {
  const char* what;
  const char* repository;  // name in the hub, without the owner
  const char* file;        // in the repository
  const char* clear_name;  // in a folder that has all three
  const char* tensor;      // that only this file has
  fs::path ModelFiles::*path;
};

constexpr Role kRoles[] = {
    {"the EchoDiT", "echo-tts-base", "pytorch_model.safetensors", "dit.safetensors",
     "cond_module.0.weight", &ModelFiles::dit},
    {"the S1-DAC codec", "fish-s1-dac-min", "pytorch_model.safetensors", "dac.safetensors",
     "quantizer.semantic_quantizer.quantizers.0.codebook.weight", &ModelFiles::codec},
    {"the PCA state", "echo-tts-base", "pca_state.safetensors", "pca_state.safetensors",
     "pca_components", &ModelFiles::pca},
};

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// What is in a folder, sorted; nothing when it cannot be read.
std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end;
       !error && it != end && found.size() < kMaxCandidates; it.increment(error)) {
    found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The content of refs/main if it can be a folder's name, else "".
std::string main_revision(const fs::path& repository) {
  std::ifstream in(repository / "refs" / "main");
  std::string revision;
  in >> revision;
  const bool plain =
      revision.size() <= 64 && std::all_of(revision.begin(), revision.end(),
                                           [](unsigned char c) { return std::isalnum(c); });
  return plain ? revision : "";
}

// The role's file in one repository of a hub cache, or "".
fs::path find_in_snapshots(const fs::path& repository, const Role& role) {
  const fs::path snapshots = repository / "snapshots";
  const std::string revision = main_revision(repository);
  if (!revision.empty() && is_file(snapshots / revision / role.file)) {
    return snapshots / revision / role.file;
  }
  std::vector<fs::path> found;
  for (const fs::path& snapshot : entries(snapshots)) {
    if (is_file(snapshot / role.file)) found.push_back(snapshot / role.file);
  }
  if (found.size() > 1) {
    throw_invalid("model " + repository.string() + ": found " + std::to_string(found.size()) +
                  " revisions of " + role.file + " and no refs/main that names one, expected one");
  }
  return found.empty() ? fs::path() : found[0];
}

fs::path find_in_hub_cache(const fs::path& folder, const Role& role) {
  std::vector<fs::path> found;
  for (const fs::path& cache : {folder, folder / "hub"}) {
    for (const fs::path& repository : entries(cache)) {
      const std::string name = repository.filename().string();
      if (!name.starts_with("models--") || !name.ends_with(std::string("--") + role.repository)) {
        continue;
      }
      if (const fs::path file = find_in_snapshots(repository, role); !file.empty()) {
        found.push_back(file);
      }
    }
  }
  if (found.size() > 1) {
    throw_invalid("model " + folder.string() + ": found " + std::string(role.what) + " in " +
                  found[0].string() + " and in " + found[1].string() + ", expected one of them");
  }
  return found.empty() ? fs::path() : found[0];
}

fs::path find_by_content(const fs::path& folder, const Role& role) {
  std::vector<fs::path> found;
  for (const fs::path& path : entries(folder)) {
    if (path.extension() != ".safetensors" || !is_file(path)) continue;
    if (SafetensorsFile::open(path)->find(role.tensor)) found.push_back(path);
  }
  if (found.size() > 1) {
    throw_invalid("model " + folder.string() + ": both " + found[0].filename().string() + " and " +
                  found[1].filename().string() + " hold " + role.what + ", expected one of them");
  }
  return found.empty() ? fs::path() : found[0];
}

fs::path find_role(const fs::path& folder, const Role& role) {
  for (const fs::path& path : {folder / role.repository / role.file, folder / role.clear_name}) {
    if (is_file(path)) return path;
  }
  if (const fs::path path = find_in_hub_cache(folder, role); !path.empty()) return path;
  return find_by_content(folder, role);
}

}  // namespace

bool is_pack(const SafetensorsFile& file) {
  const auto format = file.metadata().find(std::string(kFormatKey));
  return format != file.metadata().end() && format->second == kPackFormat;
}

ModelWeights open_model(const ModelFiles& files) {
  if (files.dit != files.codec || files.dit != files.pca) {
    return {Weights::open(files.dit), Weights::open(files.codec), Weights::open(files.pca)};
  }
  const auto file = SafetensorsFile::open(files.dit);
  if (!is_pack(*file)) {
    throw_invalid("model " + files.dit.string() +
                  ": found one file, expected a directory or a file of `echo-tts pack`");
  }
  const auto version = file->metadata().find(std::string(kVersionKey));
  if (version == file->metadata().end() || version->second != kPackVersion) {
    throw_corrupt("model " + files.dit.string() + ": found version " +
                  (version == file->metadata().end() ? "none" : quoted_name(version->second)) +
                  " of a packed file, expected " + std::string(kPackVersion) +
                  ": pack the model again");
  }
  const Weights root(file);
  return {root[kDitScope], root[kCodecScope], root[kPcaScope]};
}

ModelFiles find_model_files(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (!fs::exists(status)) {
    throw_not_found("model " + folder.string() + ": " +
                    (error ? error.message() : "no such directory"));
  }
  if (!fs::is_directory(status)) {
    const ModelFiles files{folder, folder, folder};
    try {
      SafetensorsFile::open(folder);
    } catch (const Error& problem) {
      if (problem.code() != ErrorCode::kCorrupt) throw;
      throw_invalid(
          "model " + folder.string() +
          ": found a file, expected a directory or a file of `echo-tts pack`: " + problem.what());
    }
    open_model(files);
    return files;
  }
  ModelFiles files;
  std::string missing;
  for (const Role& role : kRoles) {
    files.*role.path = find_role(folder, role);
    if (!(files.*role.path).empty()) continue;
    missing += std::string(missing.empty() ? "" : "; ") + role.what + ": looked for " +
               role.repository + "/" + role.file + ", " + role.clear_name + ", models--*--" +
               role.repository + "/snapshots/*/" + role.file + " and any *.safetensors with \"" +
               role.tensor + "\"";
  }
  if (!missing.empty()) throw_not_found("model " + folder.string() + " lacks " + missing);
  return files;
}

}  // namespace echo
