// Proxies and certificates as the environment names them for every program.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "net/curl_http_client.h"

namespace echo {

using VariableLookup = std::function<std::optional<std::string>(const std::string& name)>;

// Heard are HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, where the same name in small letters
// comes first; and SSL_CERT_FILE, SSL_CERT_DIR, CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE and
// AWS_CA_BUNDLE: every certificate that one of them names is trusted beside the system's. The
// capital HTTP_PROXY is ignored where REQUEST_METHOD is set, since there a client's header would
// set it. Throws kInvalidArgument, naming the variable: a proxy's address that is none, a file or
// folder that cannot be read or has no certificate.
HttpClientOptions network_options(const VariableLookup& variable);

}  // namespace echo
