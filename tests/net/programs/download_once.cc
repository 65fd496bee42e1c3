// Downloads one file of a repository into a cache, for tests that need a process to themselves.
// Usage: download_once ENDPOINT CACHE REPOSITORY FILE
#include <cstdio>
#include <exception>

#include "net/curl_http_client.h"
#include "net/model_hub.h"

int main(int count, char** arguments) {
  if (count != 5) return 2;
  try {
    echo::HubOptions options;
    options.endpoint = arguments[1];
    options.cache = arguments[2];
    options.download_timeout = std::chrono::seconds(60);
    options.connections = 4;
    options.chunk_bytes = 200'000;
    const auto http = echo::make_http_client();
    echo::ModelHub(options, *http).download({arguments[3], "main", {arguments[4]}});
  } catch (const std::exception& error) {
    std::puts(error.what());
    return 1;
  }
  return 0;
}
