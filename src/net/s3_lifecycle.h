// A bucket's rules about old objects, in the XML of the S3 API.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

struct LifecycleRule {
  std::string id;
  std::string prefix;
  bool enabled = false;
  std::optional<int> expiration_days;
  std::string xml;  // the rule as it stands in the bucket, with whatever else it says
};

// Throws kCorrupt if the text is not a LifecycleConfiguration.
std::vector<LifecycleRule> parse_lifecycle(std::string_view xml);

LifecycleRule make_expiration_rule(const std::string& id, const std::string& prefix, int days);

std::string lifecycle_xml(const std::vector<LifecycleRule>& rules);

}  // namespace echo
