#include "net/network_options.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/file_io.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = std::size_t{16} << 20;
constexpr std::string_view kKinds[] = {"-----BEGIN CERTIFICATE-----",
                                       "-----BEGIN TRUSTED CERTIFICATE-----"};

std::string small(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

// The address, and the name of the variable that gave it.
struct Named {
  std::string variable;
  std::string value;
};

Named first_of(const VariableLookup& variable, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (const auto value = variable(name); value && !value->empty()) return {name, *value};
  }
  return {};
}

std::string proxy(const VariableLookup& variable, const std::string& name) {
  std::vector<std::string> names = {small(name)};
  const bool from_a_header = name == "HTTP_PROXY" && variable("REQUEST_METHOD");
  if (!from_a_header) names.push_back(name);
  names.insert(names.end(), {"all_proxy", "ALL_PROXY"});
  const Named found = first_of(variable, names);
  if (!found.value.empty()) check_proxy(found.variable, found.value);
  return found.value;
}

bool has_certificate(std::string_view text) {
  return std::any_of(std::begin(kKinds), std::end(kKinds), [&](std::string_view kind) {
    return text.find(kind) != std::string_view::npos;
  });
}

// Adds what the file says. Returns whether it has a certificate.
bool add_file(const std::string& variable, const fs::path& path, std::string& certificates) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) {
    throw_invalid(variable + ": cannot read " + path.string() + ": " + error.message());
  }
  if (size + certificates.size() > kMaxBytes) {
    throw_invalid(variable + ": more than 16 MiB of certificates");
  }
  std::string text;
  try {
    text = read_file(path);
  } catch (const Error& failure) {
    throw_invalid(variable + ": " + failure.what());
  }
  if (!has_certificate(text)) return false;
  certificates += text;
  if (!certificates.ends_with('\n')) certificates += '\n';
  return true;
}

// A folder's files are certificates, or something else that is left out.
void add_folder(const std::string& variable, const fs::path& path, std::string& certificates) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) files.push_back(fs::canonical(it->path(), ignored));
  }
  if (error) {
    throw_invalid(variable + ": cannot read " + path.string() + ": " + error.message());
  }
  // In OpenSSL's folders the same file lies under several names.
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  for (const fs::path& file : files) add_file(variable, file, certificates);
}

void add_place(const std::string& variable, const fs::path& path, std::string& certificates) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    add_folder(variable, path, certificates);
  } else if (!add_file(variable, path, certificates)) {
    throw_invalid(variable + ": " + path.string() +
                  " has no certificate, expected PEM text with \"" + std::string(kKinds[0]) + "\"");
  }
}

void add_folders(const std::string& variable, std::string_view folders, std::string& certificates) {
  while (!folders.empty()) {
    const auto end = std::min(folders.find(':'), folders.size());
    const fs::path folder(folders.substr(0, end));
    if (!folder.empty()) add_place(variable, folder, certificates);
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
}

}  // namespace

HttpClientOptions network_options(const VariableLookup& variable) {
  HttpClientOptions options;
  options.proxies.http = proxy(variable, "HTTP_PROXY");
  options.proxies.https = proxy(variable, "HTTPS_PROXY");
  options.proxies.exceptions = first_of(variable, {"no_proxy", "NO_PROXY"}).value;
  for (const char* name :
       {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"}) {
    if (const auto place = variable(name); place && !place->empty()) {
      add_place(name, *place, options.ca_certificates);
    }
  }
  if (const auto folders = variable("SSL_CERT_DIR"); folders && !folders->empty()) {
    add_folders("SSL_CERT_DIR", *folders, options.ca_certificates);
  }
  return options;
}

}  // namespace echo
