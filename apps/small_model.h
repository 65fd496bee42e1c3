// The small voice that comes with the program: a checkpoint in the published layout, not the
// published one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace echo::apps {

// What --model and ECHO_MODEL_DIR call it. A folder of that name is "./small".
inline constexpr const char* kSmallModel = "small";

// Its directory: echo-small beside the program, or ../share/echo-tts/echo-small from there.
std::optional<std::filesystem::path> find_small_model();

// A model as it was asked for: the small voice's directory for its name, anything else as it is.
// Errors: kNotFound when the small voice is not there, with where it was looked for.
std::filesystem::path model_path(const std::string& name);

}  // namespace echo::apps
