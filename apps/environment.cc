#include "apps/environment.h"

#include <cstdlib>

namespace echo::apps {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

Environment read_environment() {
  Environment environment;
  environment.model_directory = variable("ECHO_MODEL_DIR");
  environment.voice_store = variable("ECHO_VOICE_CACHE");
  return environment;
}

}  // namespace echo::apps
