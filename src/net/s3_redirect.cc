#include "net/s3_redirect.h"

#include <algorithm>

#include "base/error.h"
#include "net/s3_services.h"
#include "net/url.h"
#include "net/xml.h"

namespace echo {
namespace {

bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= 40 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string named_region(const HttpResponse& response) {
  const auto header = response.header("x-amz-bucket-region");
  const std::string region =
      header ? std::string(*header) : xml_text(response.body, "Region").value_or("");
  return is_region(region) ? region : "";
}

std::string without_slashes(std::string path) {
  while (path.ends_with("/")) path.pop_back();
  return path;
}

// The options whose address for the key is `next`, if there are such.
std::optional<S3Options> options_for(const S3Options& options, const std::string& key,
                                     const Url& next) {
  std::string path = next.path;
  if (!key.empty()) {
    const std::string tail = "/" + percent_encode(key, "/");
    if (!path.ends_with(tail)) return std::nullopt;
    path.resize(path.size() - tail.size());
  }
  const auto reaches_it = [&](const S3Options& candidate) {
    const S3Address address = s3_address(candidate, key);
    return address.authority == next.authority() &&
           without_slashes(address.path) == without_slashes(next.path);
  };
  S3Options candidate = options;
  candidate.endpoint_url = next.scheme + "://" + next.authority() + without_slashes(path);
  if (reaches_it(candidate)) return candidate;
  // A host of the bucket's own, in a place that is not known for it.
  const std::string front = options.bucket + ".";
  if (!next.host.starts_with(front)) return std::nullopt;
  candidate.endpoint_url =
      next.scheme + "://" + next.authority().substr(front.size()) + without_slashes(path);
  if (reaches_it(candidate)) return candidate;
  return std::nullopt;
}

// Amazon names the region alone.
void take_amazons_own(const S3Options& options, const Url& here, const std::string& region,
                      S3Redirect& redirect) {
  if (region.empty() || !is_amazon_host(here.host)) return;
  const std::string end = here.host.ends_with(".cn") ? ".amazonaws.com.cn" : ".amazonaws.com";
  redirect.options = options;
  redirect.options->endpoint_url = redirect.address = "https://s3." + region + end;
  redirect.options->region = region;
}

void take_location(const S3Options& options, const std::string& key, const Url& here,
                   const Url& next, const std::string& region, S3Redirect& redirect) {
  redirect.address = next.origin();
  const auto found = options_for(options, key, next);
  if (!found) return;
  redirect.address = found->endpoint_url;
  if (next.scheme != "https" || !is_same_service(here.host, next.host)) return;
  redirect.options = *found;
  const std::string known = region.empty() ? region_of_host(next.host) : region;
  if (!known.empty()) redirect.options->region = known;
}

}  // namespace

S3Redirect read_s3_redirect(const S3Options& options, const std::string& key,
                            const HttpResponse& response) {
  S3Redirect redirect;
  const Url here = parse_url(s3_address(options, key).url());
  const std::string region = named_region(response);
  const auto location = response.header("Location");
  if (!location) {
    take_amazons_own(options, here, region, redirect);
    return redirect;
  }
  try {
    take_location(options, key, here, resolve_url(here, *location), region, redirect);
  } catch (const Error&) {
    redirect = S3Redirect();  // that is no address
  }
  return redirect;
}

}  // namespace echo
