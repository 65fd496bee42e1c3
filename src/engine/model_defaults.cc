#include "engine/model_defaults.h"

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/file_io.h"
#include "nn/safetensors.h"

namespace echo {
namespace {

constexpr uintmax_t kMaxBytes = 64 << 10;

bool is_packed(const ModelFiles& files) { return files.dit == files.codec; }

std::filesystem::path file_beside(const ModelFiles& files) {
  return files.dit.parent_path() / kModelDefaultsFile;
}

// Where the text is, as errors name it.
std::string place_of(const ModelFiles& files) {
  return is_packed(files) ? files.dit.string() + ": " + std::string(kModelDefaultsFile)
                          : file_beside(files).string();
}

}  // namespace

std::string model_defaults_text(const ModelFiles& files) {
  if (is_packed(files)) {
    const auto metadata = SafetensorsFile::open(files.dit)->metadata();
    const auto found = metadata.find(std::string(kModelDefaultsFile));
    return found == metadata.end() ? "" : found->second;
  }
  const std::filesystem::path path = file_beside(files);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return "";
  if (std::filesystem::file_size(path, error) > kMaxBytes) {
    throw_corrupt(path.string() + ": expected a file of at most " + std::to_string(kMaxBytes) +
                  " bytes");
  }
  const std::string text = read_file(path);
  return text.empty() ? " " : text;  // an empty file is no object
}


SpeechParameters model_defaults(const ModelFiles& files, Profile profile) {
  SpeechParameters parameters = parameters_of(profile);
  const std::string text = model_defaults_text(files), path = place_of(files);
  if (text.empty()) return parameters;
  const auto object = nlohmann::json::parse(text, nullptr, false);
  if (!object.is_object()) {
    throw_corrupt(path + ": expected a JSON object of parameters by name");
  }
  try {
    for (const auto& [name, value] : object.items()) {
      const std::string given = value.is_string() ? value.get<std::string>() : value.dump();
      if (!set_parameter(parameters, name, given)) {
        throw_corrupt(path + ": found \"" + name.substr(0, 40) +
                      "\", expected the name of a parameter");
      }
    }
    validate(parameters);
  } catch (const Error& problem) {
    if (problem.code() != ErrorCode::kInvalidArgument) throw;
    throw_corrupt(path + ": " + problem.what());
  }
  return parameters;
}

}  // namespace echo
