#include "net/s3_options.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "base/error.h"
#include "net/s3_services.h"
#include "net/url.h"

namespace echo {
namespace {

constexpr std::chrono::seconds kLongestLink{604'800};  // seven days: the limit of the signature

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

// What may stand before ".s3.amazonaws.com" and match its certificate.
bool is_dns_label(std::string_view bucket) {
  return bucket.size() >= 3 && bucket.size() <= 63 && bucket.front() != '-' &&
         bucket.back() != '-' && std::all_of(bucket.begin(), bucket.end(), [](char c) {
           return is_lower(c) || is_digit(c) || c == '-';
         });
}

bool is_bucket(std::string_view bucket) {
  return !bucket.empty() && bucket.size() <= 255 && bucket != "." && bucket != ".." &&
         std::all_of(bucket.begin(), bucket.end(), [](char c) {
           return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
                  c == '_';
         });
}

bool has_control_bytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string normalised_prefix(std::string prefix) {
  while (prefix.starts_with("/")) prefix.erase(0, 1);
  if (!prefix.empty() && !prefix.ends_with("/")) prefix += '/';
  return prefix;
}

// A link with such a path would be asked for with another one, for which it was not signed.
void check_stable(const std::string& variable, std::string_view path,
                  std::vector<std::string>& problems) {
  while (path.starts_with("/")) path.remove_prefix(1);
  if (path.ends_with("/")) path.remove_suffix(1);
  if (path.empty()) return;
  if (const std::string found = unstable_segment(path); !found.empty()) {
    problems.push_back(variable + " has " + found +
                       ", expected a path without empty ones, \".\" and \"..\": whoever opens a "
                       "link leaves them out, and the signature does not hold for the rest");
  }
}

std::string text_field(const nlohmann::json& config, const char* name, bool required) {
  const auto field = config.find(name);
  if (field == config.end() || field->is_null()) {
    if (required) throw_invalid(std::string("s3Config.") + name + " is missing");
    return "";
  }
  if (!field->is_string()) throw_invalid(std::string("s3Config.") + name + " must be a string");
  std::string text = field->get<std::string>();
  if (required && text.empty()) throw_invalid(std::string("s3Config.") + name + " is empty");
  return text;
}

}  // namespace

S3Addressing parse_s3_addressing(std::string_view text) {
  std::string word(text);
  for (char& c : word) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (word.empty() || word == "auto") return S3Addressing::kAuto;
  if (word == "path") return S3Addressing::kPath;
  if (word == "virtual") return S3Addressing::kVirtual;
  throw_invalid("S3_ADDRESSING_STYLE is not one of auto, path, virtual");
}

std::vector<std::string> s3_problems(const S3Options& options) {
  std::vector<std::string> problems;
  const std::pair<const char*, const std::string*> required[] = {
      {"S3_ENDPOINT_URL", &options.endpoint_url},
      {"S3_ACCESS_KEY_ID", &options.access_key_id},
      {"S3_SECRET_ACCESS_KEY", &options.secret_access_key},
      {"S3_BUCKET_NAME", &options.bucket},
  };
  for (const auto& [name, value] : required) {
    if (value->empty()) problems.push_back(std::string(name) + " is not set");
  }
  if (!options.endpoint_url.empty()) {
    try {
      const Url endpoint = parse_url(options.endpoint_url);
      if (endpoint.has_query) problems.push_back("S3_ENDPOINT_URL must not have a query");
      check_stable("S3_ENDPOINT_URL", percent_decode(endpoint.path), problems);
    } catch (const Error& error) {
      problems.push_back(std::string("S3_ENDPOINT_URL: ") + error.what());
    }
  }
  check_stable("S3_KEY_PREFIX", options.key_prefix, problems);
  if (!options.bucket.empty() && !is_bucket(options.bucket)) {
    problems.push_back("S3_BUCKET_NAME is not the name of a bucket");
  }
  const std::pair<const char*, const std::string*> printable[] = {
      {"S3_ACCESS_KEY_ID", &options.access_key_id},
      {"S3_SECRET_ACCESS_KEY", &options.secret_access_key},
      {"S3_SESSION_TOKEN", &options.session_token},
      {"S3_REGION", &options.region},
      {"S3_KEY_PREFIX", &options.key_prefix},
  };
  for (const auto& [name, value] : printable) {
    if (has_control_bytes(*value)) {
      problems.push_back(std::string(name) + " has a line break or another control character");
    }
  }
  if (options.presign_ttl < std::chrono::seconds(1) || options.presign_ttl > kLongestLink) {
    problems.push_back("S3_PRESIGN_TTL_SECONDS is " + std::to_string(options.presign_ttl.count()) +
                       ", expected 1 to " + std::to_string(kLongestLink.count()));
  }
  return problems;
}

std::string s3_region(const S3Options& options) {
  if (!options.region.empty()) return options.region;
  const std::string named = region_of_host(parse_url(options.endpoint_url).host);
  return named.empty() ? "us-east-1" : named;
}

S3Options s3_options_of_job(const S3Options& base, const nlohmann::json& config) {
  if (!config.is_object()) throw_invalid("s3Config must be an object");
  S3Options options = base;
  options.endpoint_url = text_field(config, "endpointUrl", true);
  options.access_key_id = text_field(config, "accessId", true);
  options.secret_access_key = text_field(config, "accessSecret", true);
  options.bucket = text_field(config, "bucketName", true);
  options.key_prefix = text_field(config, "objectPath", false);
  options.session_token.clear();
  options.region.clear();
  options.addressing = S3Addressing::kAuto;
  options.public_hosts_only = true;
  for (std::string problem : s3_problems(options)) {
    const std::pair<std::string_view, std::string_view> names[] = {
        {"S3_ENDPOINT_URL", "s3Config.endpointUrl"},
        {"S3_ACCESS_KEY_ID", "s3Config.accessId"},
        {"S3_SECRET_ACCESS_KEY", "s3Config.accessSecret"},
        {"S3_BUCKET_NAME", "s3Config.bucketName"},
        {"S3_KEY_PREFIX", "s3Config.objectPath"},
    };
    for (const auto& [variable, field] : names) {
      if (problem.starts_with(variable)) problem.replace(0, variable.size(), field);
    }
    throw_invalid(problem);
  }
  return options;
}

std::string S3Address::url(const std::string& query) const {
  return scheme + "://" + authority + path + (query.empty() ? "" : "?" + query);
}

std::string s3_key(const S3Options& options, std::string_view name) {
  return normalised_prefix(options.key_prefix) + std::string(name);
}

S3Address s3_address(const S3Options& options, std::string_view key) {
  const Url endpoint = parse_url(options.endpoint_url);
  S3Address address{endpoint.scheme, endpoint.authority(), endpoint.path};
  while (address.path.ends_with("/")) address.path.pop_back();
  // An endpoint may name the bucket already, as the consoles of the services show it.
  const std::string in_path = "/" + options.bucket;
  if (address.path.ends_with(in_path)) address.path.resize(address.path.size() - in_path.size());
  const bool own_host = is_host_of_bucket(endpoint.host, options.bucket);
  const bool own_by_default =
      is_amazon_host(endpoint.host) ? is_dns_label(options.bucket) : own_host;
  const bool virtual_host = options.addressing == S3Addressing::kVirtual ||
                            (options.addressing == S3Addressing::kAuto && own_by_default);
  if (virtual_host) {
    const bool named_already = own_host || endpoint.host.starts_with(options.bucket + ".s3.") ||
                               endpoint.host.starts_with(options.bucket + ".s3-");
    if (!named_already) address.authority = options.bucket + "." + address.authority;
  } else {
    if (own_host) address.authority.erase(0, options.bucket.size() + 1);
    address.path += in_path;
  }
  if (!key.empty()) {
    address.path += "/" + percent_encode(key, "/");
  } else if (address.path.empty()) {
    address.path = "/";
  }
  return address;
}

}  // namespace echo
