#include "net/network_options.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"
#include "base/file_io.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = std::size_t{16} << 20;
constexpr std::string_view kKinds[] = {"-----BEGIN CERTIFICATE-----",
                                       "-----BEGIN TRUSTED CERTIFICATE-----"};
constexpr std::string_view kBegin = "-----BEGIN ", kEnd = "-----END ";

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
  std::vector<std::string> names = {lower(name)};
  const bool from_a_header = name == "HTTP_PROXY" && variable("REQUEST_METHOD");
  if (!from_a_header) names.push_back(name);
  names.insert(names.end(), {"all_proxy", "ALL_PROXY"});
  const Named found = first_of(variable, names);
  if (!found.value.empty()) check_proxy(found.variable, found.value);
  return found.value;
}

// What variables name, each certificate once: usually they all name the system's own, and every
// connection reads all of them.
class Certificates {
 public:
  // A file, or a folder of files.
  void add_place(const std::string& variable, const fs::path& path) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      add_folder(variable, path);
    } else if (!add_file(variable, path)) {
      throw_invalid(variable + ": " + path.string() +
                    " has no certificate, expected PEM text with \"" + std::string(kKinds[0]) +
                    "\"");
    }
  }

  // Folders with colons between them.
  void add_folders(const std::string& variable, std::string_view folders) {
    while (!folders.empty()) {
      const auto end = std::min(folders.find(':'), folders.size());
      const fs::path folder(folders.substr(0, end));
      if (!folder.empty()) add_place(variable, folder);
      folders.remove_prefix(std::min(end + 1, folders.size()));
    }
  }

  std::string take() { return std::move(text_); }

 private:
  // Returns whether it has a certificate.
  bool add_file(const std::string& variable, const fs::path& path) {
    std::error_code error;
    const fs::path own = fs::canonical(path, error);
    if (const auto known = files_.find(own); !error && known != files_.end()) return known->second;
    const auto size = fs::file_size(path, error);
    if (error) {
      throw_invalid(variable + ": cannot read " + path.string() + ": " + error.message());
    }
    if (size + text_.size() > kMaxBytes) {
      throw_invalid(variable + ": more than 16 MiB of certificates");
    }
    std::string text;
    try {
      text = read_file(path);
    } catch (const Error& failure) {
      throw_invalid(variable + ": " + failure.what());
    }
    return files_[own] = add_text(text);
  }

  bool add_text(std::string_view text) {
    bool found = false;
    for (size_t at = 0; (at = text.find(kBegin, at)) != std::string_view::npos;) {
      const std::string_view rest = text.substr(at);
      const bool wanted = std::any_of(std::begin(kKinds), std::end(kKinds),
                                      [&](std::string_view kind) { return rest.starts_with(kind); });
      const size_t last = rest.find(kEnd);
      const size_t size = std::min(rest.size(), rest.find('\n', std::min(last, rest.size())));
      at += std::max<size_t>(1, size);
      if (!wanted) continue;
      found = true;
      const std::string_view certificate = rest.substr(0, size);
      if (known_.emplace(certificate).second) text_.append(certificate) += '\n';
    }
    return found;
  }

  // A folder's files are certificates, or something else that is left out.
  void add_folder(const std::string& variable, const fs::path& path) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      std::error_code ignored;
      if (it->is_regular_file(ignored)) files.push_back(it->path());
    }
    if (error) {
      throw_invalid(variable + ": cannot read " + path.string() + ": " + error.message());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) add_file(variable, file);
  }

  std::map<fs::path, bool> files_;  // that were read, and whether each has a certificate
  std::unordered_set<std::string> known_;
  std::string text_;
};

}  // namespace

HttpClientOptions network_options(const VariableLookup& variable) {
  HttpClientOptions options;
  options.proxies.http = proxy(variable, "HTTP_PROXY");
  options.proxies.https = proxy(variable, "HTTPS_PROXY");
  options.proxies.exceptions = first_of(variable, {"no_proxy", "NO_PROXY"}).value;
  Certificates certificates;
  for (const char* name :
       {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"}) {
    if (const auto place = variable(name); place && !place->empty()) {
      certificates.add_place(name, *place);
    }
  }
  if (const auto folders = variable("SSL_CERT_DIR"); folders && !folders->empty()) {
    certificates.add_folders("SSL_CERT_DIR", *folders);
  }
  options.ca_certificates = certificates.take();
  return options;
}

}  // namespace echo
