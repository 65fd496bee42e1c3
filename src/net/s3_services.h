// What is known of the services that speak S3, by the names of their hosts.
#pragma once

#include <string>
#include <string_view>

namespace echo {

// Amazon's own, whose buckets have host names of their own.
bool is_amazon_host(std::string_view host);

// The region that stands in the name of a known service's host; "" for any other host.
std::string region_of_host(std::string_view host);

// Whether the host is that of one bucket, as the service's console shows it:
// "BUCKET.s3.eu-west-1.amazonaws.com", "BUCKET.fra1.digitaloceanspaces.com".
bool is_host_of_bucket(std::string_view host, std::string_view bucket);

// Whether whoever answers under one name may be given a request signed for the other: the same
// host, or both of one known service.
bool is_same_service(std::string_view host, std::string_view other);

}  // namespace echo
