// Models that the platform has put on the disk already. Nothing is ever written there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "net/model_hub.h"

namespace echo {

struct CachedModelPlaces {
  // Caches as huggingface_hub keeps them, in this order.
  std::vector<std::filesystem::path> hub_caches = {"/runpod-volume/huggingface-cache/hub"};
  // ORG/NAME/REVISION/FILE below one of these, after those.
  std::vector<std::filesystem::path> plain_caches = {"/runpod/cache"};
};

// The folder that has all the files of the repository. In a hub cache: the snapshot that
// refs/REVISION names, else (for "main", since platforms leave refs out) the first one in the order
// of names that has them all. Names of repositories are compared without case if the exact one is
// not there.
std::optional<std::filesystem::path> find_cached_model(const CachedModelPlaces& places,
                                                       const HubRepository& repository);

// "org/name", "org/name@revision" or "org/name:revision". Throws kInvalidArgument.
HubRepository parse_repository(const std::string& text, std::vector<std::string> files);

}  // namespace echo
