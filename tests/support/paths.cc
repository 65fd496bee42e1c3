#include "support/paths.h"

namespace echo {

std::string source_path(std::string_view below) { return ECHO_SOURCE_DIR + std::string(below); }
std::string build_path(std::string_view below) { return ECHO_BINARY_DIR + std::string(below); }
std::string golden_path(std::string_view below) { return source_path("/tests/golden") + std::string(below); }
std::string program_path() { return ECHO_TTS_PROGRAM; }

}  // namespace echo
