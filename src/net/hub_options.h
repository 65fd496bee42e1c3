// Which hub, which cache, and how: the meaning of huggingface_hub's variables.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/retry.h"

namespace echo {

struct HubOptions {
  std::string endpoint = "https://huggingface.co";     // HF_ENDPOINT
  std::string token;                                   // HF_TOKEN; empty: none
  std::filesystem::path cache;                         // HF_HUB_CACHE
  bool offline = false;                                // HF_HUB_OFFLINE: no request at all
  std::chrono::milliseconds download_timeout{10'000};  // HF_HUB_DOWNLOAD_TIMEOUT: without a byte
  std::string user_agent = "echo-tts";
  int connections = 8;
  std::uint64_t chunk_bytes = std::uint64_t{8} << 20;
  RetryPolicy retry{.max_attempts = 6,
                    .first_delay = std::chrono::milliseconds(500),
                    .max_delay = std::chrono::milliseconds(20'000)};
};

// The values of the variables; empty: not set.
struct HubVariables {
  std::string hf_endpoint = {};
  std::string hf_token = {};
  std::string hf_token_path = {};
  std::string hf_home = {};
  std::string hf_hub_cache = {};
  std::string hf_hub_offline = {};
  std::string hf_hub_download_timeout = {};  // seconds
  std::string xdg_cache_home = {};
  std::string home = {};
};

// The cache is HF_HUB_CACHE, else HF_HOME/hub, where HF_HOME is XDG_CACHE_HOME/huggingface or
// ~/.cache/huggingface if it is not set. Without HF_TOKEN the token is what is in HF_TOKEN_PATH,
// else HF_HOME/token, if there is such a file. Throws kInvalidArgument for a timeout that is no
// number.
HubOptions hub_options(const HubVariables& variables);

}  // namespace echo
