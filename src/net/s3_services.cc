#include "net/s3_services.h"

#include <algorithm>
#include <vector>

namespace echo {
namespace {

enum class RegionAt {
  kNowhere,
  kAfterS3,     // s3.REGION, s3.dualstack.REGION, s3-REGION
  kInFront,     // REGION, or BUCKET.REGION
  kAfterS3api,  // s3api-REGION
};

struct Service {
  std::string_view suffix;  // of its hosts
  RegionAt region;
};

constexpr Service kServices[] = {
    {".amazonaws.com", RegionAt::kAfterS3},
    {".amazonaws.com.cn", RegionAt::kAfterS3},
    {".scw.cloud", RegionAt::kAfterS3},
    {".wasabisys.com", RegionAt::kAfterS3},
    {".backblazeb2.com", RegionAt::kAfterS3},
    {".cloud.ovh.net", RegionAt::kAfterS3},
    {".cloud.ovh.us", RegionAt::kAfterS3},
    {".ionoscloud.com", RegionAt::kAfterS3},
    {".cloud-object-storage.appdomain.cloud", RegionAt::kAfterS3},
    {".digitaloceanspaces.com", RegionAt::kInFront},
    {".runpod.io", RegionAt::kAfterS3api},
    {".r2.cloudflarestorage.com", RegionAt::kNowhere},
    {".linodeobjects.com", RegionAt::kNowhere},
    {".vultrobjects.com", RegionAt::kNowhere},
    {".your-objectstorage.com", RegionAt::kNowhere},
    {".googleapis.com", RegionAt::kNowhere},
    {".tigris.dev", RegionAt::kNowhere},
    {".storageapi.dev", RegionAt::kNowhere},
};

const Service* service_of(std::string_view host) {
  for (const Service& service : kServices) {
    if (host.ends_with(service.suffix)) return &service;
  }
  return nullptr;
}

// Of what stands before the service's own name.
std::vector<std::string_view> labels_of(std::string_view host, const Service& service) {
  host.remove_suffix(service.suffix.size());
  std::vector<std::string_view> labels;
  while (!host.empty()) {
    const auto dot = std::min(host.find('.'), host.size());
    labels.push_back(host.substr(0, dot));
    host.remove_prefix(std::min(dot + 1, host.size()));
  }
  return labels;
}

std::string_view region_after_s3(const std::vector<std::string_view>& labels) {
  for (std::size_t i = labels.size(); i-- > 0;) {
    if (labels[i] == "s3" || labels[i] == "s3-fips") {
      const std::size_t at = i + 1 < labels.size() && labels[i + 1] == "dualstack" ? i + 2 : i + 1;
      return at < labels.size() ? labels[at] : std::string_view();
    }
  }
  // The form that Amazon had before. "s3-accelerate" and "s3-website-REGION" say something else.
  const std::string_view last = labels.empty() ? std::string_view() : labels.back();
  const bool regional = last.starts_with("s3-") && last != "s3-accelerate" &&
                        std::count(last.begin(), last.end(), '-') == 3;
  return regional ? last.substr(3) : std::string_view();
}

}  // namespace

bool is_amazon_host(std::string_view host) {
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

std::string region_of_host(std::string_view host) {
  const Service* service = service_of(host);
  if (!service) return "";
  const auto labels = labels_of(host, *service);
  if (labels.empty()) return "";
  constexpr std::string_view kS3api = "s3api-";
  switch (service->region) {
    case RegionAt::kAfterS3:
      return std::string(region_after_s3(labels));
    case RegionAt::kInFront:
      return std::string(labels.back());
    case RegionAt::kAfterS3api:
      return labels[0].starts_with(kS3api) ? std::string(labels[0].substr(kS3api.size())) : "";
    case RegionAt::kNowhere:
      break;
  }
  return "";
}

bool is_host_of_bucket(std::string_view host, std::string_view bucket) {
  if (!service_of(host) || !host.starts_with(bucket)) return false;
  host.remove_prefix(bucket.size());
  // A bucket may have the name of an account, a region or "s3".
  const Service* service = service_of(host);
  if (!host.starts_with(".") || !service || host.size() == service->suffix.size()) return false;
  return service->region != RegionAt::kAfterS3 || host.starts_with(".s3");
}

bool is_same_service(std::string_view host, std::string_view other) {
  return host == other || (service_of(host) && service_of(host) == service_of(other));
}

}  // namespace echo
