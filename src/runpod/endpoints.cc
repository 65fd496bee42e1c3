#include "runpod/endpoints.h"

#include <cctype>
#include <cstdint>

#include "net/url.h"

namespace echo::runpod {
namespace {

constexpr std::string_view kTakePath = "/job-take/";
constexpr std::string_view kBatchPath = "/job-take-batch/";
constexpr std::string_view kStopPath = "/job-stop/";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// The longer names first: "$ID" means different things in different templates.
std::string with_names(const std::string& url, const WorkerOptions& options) {
  std::string result = url;
  if (!options.endpoint_id.empty()) {
    result = replaced(std::move(result), "$RUNPOD_ENDPOINT_ID", path_encode(options.endpoint_id));
  }
  if (!options.gpu_type_id.empty()) {
    result = replaced(std::move(result), "$RUNPOD_GPU_TYPE_ID", form_encode(options.gpu_type_id));
  }
  result = replaced(std::move(result), "$RUNPOD_POD_ID", path_encode(options.worker_id));
  return percent_encode_illegal(result);
}

void append_percent(std::string& out, char c) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const auto byte = static_cast<uint8_t>(c);
  out += '%';
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

Endpoints::Endpoints(const WorkerOptions& options)
    : take_(replaced(with_names(options.take_url, options), "$ID", path_encode(options.worker_id))),
      output_(with_names(options.output_url, options)),
      stream_(with_names(options.stream_url, options)),
      ping_(with_names(options.ping_url, options)),
      version_(options.protocol_version) {
  if (take_.find(kTakePath) != std::string::npos) stop_ = replaced(take_, kTakePath, kStopPath);
}

std::string Endpoints::take(int need, bool busy) const {
  const std::string busy_flag = busy ? "job_in_progress=1" : "job_in_progress=0";
  // Without the usual path there is no batch form to ask for.
  if (need <= 1 || !stop_) return with_query(take_, busy_flag);
  return with_query(replaced(take_, kTakePath, kBatchPath),
                    "batch_size=" + std::to_string(need) + "&" + busy_flag);
}

std::string Endpoints::output(std::string_view job_id, bool is_stream) const {
  return with_query(replaced(output_, "$ID", path_encode(job_id)),
                    is_stream ? "isStream=true" : "isStream=false");
}

std::string Endpoints::stream(std::string_view job_id) const {
  if (stream_.empty()) return "";
  return with_query(replaced(stream_, "$ID", path_encode(job_id)), "isStream=false");
}

std::string Endpoints::ping(const std::vector<std::string>& job_ids) const {
  if (ping_.empty()) return "";
  std::string list;
  for (const std::string& id : job_ids) list += (list.empty() ? "" : ",") + id;
  std::string parameters;
  if (!list.empty()) parameters = "job_id=" + form_encode(list) + "&";
  return with_query(ping_, parameters + "runpod_version=" + form_encode(version_));
}

std::string Endpoints::unhealthy(std::string_view check, std::string_view reason) const {
  if (ping_.empty()) return "";
  return with_query(ping_, "status=unhealthy&check=" + form_encode(check) + "&reason=" +
                               form_encode(reason) + "&runpod_version=" + form_encode(version_));
}

std::string with_query(std::string url, std::string_view parameters) {
  if (url.find('?') == std::string::npos) {
    url += '?';
  } else if (url.back() != '?' && url.back() != '&') {
    url += '&';
  }
  return url.append(parameters);
}

std::string path_encode(std::string_view text) {
  constexpr std::string_view kIllegal = "\"#<>?[\\]^`{|}";
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<uint8_t>(c);
    const bool bare_percent =
        c == '%' && !(i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]));
    if (byte <= 0x20 || byte >= 0x7F || bare_percent || kIllegal.find(c) != kIllegal.npos) {
      append_percent(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

std::string form_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ') {
      out += '+';
    } else if (is_unreserved(c)) {
      out += c;
    } else {
      append_percent(out, c);
    }
  }
  return out;
}

}  // namespace echo::runpod
