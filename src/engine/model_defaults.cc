#include "engine/model_defaults.h"

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/file_io.h"

namespace echo {
namespace {

constexpr uintmax_t kMostBytes = 64 << 10;

}  // namespace

SpeechParameters model_defaults(const std::filesystem::path& folder, Profile profile) {
  SpeechParameters parameters = parameters_of(profile);
  const std::filesystem::path path = folder / kModelDefaultsFile;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return parameters;
  if (std::filesystem::file_size(path, error) > kMostBytes) {
    throw_corrupt(path.string() + ": expected a file of at most " + std::to_string(kMostBytes) +
                  " bytes");
  }
  const auto object = nlohmann::json::parse(read_file(path), nullptr, false);
  if (!object.is_object()) {
    throw_corrupt(path.string() + ": expected a JSON object of parameters by name");
  }
  try {
    for (const auto& [name, value] : object.items()) {
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      if (!set_parameter(parameters, name, text)) {
        throw_corrupt(path.string() + ": found \"" + name.substr(0, 40) +
                      "\", expected the name of a parameter");
      }
    }
    validate(parameters);
  } catch (const Error& problem) {
    if (problem.code() != ErrorCode::kInvalidArgument) throw;
    throw_corrupt(path.string() + ": " + problem.what());
  }
  return parameters;
}

}  // namespace echo
