// The environment, read once. Nothing else in the program reads it.
#pragma once

#include <string>

namespace echo::apps {

struct Environment {
  std::string model_directory;  // ECHO_MODEL_DIR
  std::string voice_store;      // ECHO_VOICE_CACHE
};

Environment read_environment();

}  // namespace echo::apps
