#include "speech/job_secrets.h"

#include <utility>

#include "base/json_member.h"
#include "speech/public_text.h"

namespace echo {
namespace {

// A shorter text is made of words that may stand in any message.
constexpr size_t kShortestHiddenText = 24;

// Every text in a document, at whatever depth.
void collect_strings(const Json& value, std::vector<std::string>& strings) {
  if (value.is_string()) strings.push_back(value.get<std::string>());
  if (value.is_structured()) {
    for (const Json& item : value) collect_strings(item, strings);
  }
}

}  // namespace

std::vector<std::string> secrets_of_job(const Json& job, std::span<const std::string> directories) {
  std::vector<std::string> secrets;
  for (const std::string& path : directories) {
    // Every path loses its folders. To hide these ones in another way would tell whoever guesses
    // that the guess was right.
    if (!hides_directories(path)) secrets.push_back(path);
  }
  const Json& config = member_or_null(job, "s3Config");
  for (const char* name : {"accessId", "accessSecret"}) {
    collect_strings(member_or_null(config, name), secrets);
  }
  std::vector<std::string> texts;
  collect_strings(member_or_null(member_or_null(job, "input"), "text"), texts);
  for (std::string& text : texts) {
    if (text.size() >= kShortestHiddenText) secrets.push_back(std::move(text));
  }
  return secrets;
}

}  // namespace echo
