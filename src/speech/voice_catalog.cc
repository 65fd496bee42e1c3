#include "speech/voice_catalog.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"

namespace echo {
namespace {

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view without_suffix(std::string_view name) { return name.substr(0, name.rfind('.')); }

bool equal_but_for_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::vector<CatalogVoice> VoiceCatalog::list() const {
  std::vector<VoiceEntry> entries;
  try {
    entries = directory_.list(/*with_durations=*/false);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
  std::vector<CatalogVoice> voices;
  std::set<std::string, std::less<>> taken;
  for (const VoiceEntry& entry : entries) {
    if (!entry.problem.empty()) continue;
    const std::string_view name = last_part(entry.name);
    for (const std::string_view id : {without_suffix(name), name}) {
      if (id.empty() || !taken.insert(std::string(id)).second) continue;
      voices.push_back({std::string(id), entry.name, entry.size, entry.modified});
      break;
    }
  }
  std::sort(voices.begin(), voices.end(),
            [](const CatalogVoice& a, const CatalogVoice& b) { return a.id < b.id; });
  return voices;
}

std::optional<CatalogVoice> VoiceCatalog::find(std::string_view name) const {
  const std::vector<CatalogVoice> voices = list();
  const auto among = [&](auto fits) -> std::optional<CatalogVoice> {
    const auto found = std::find_if(voices.begin(), voices.end(), fits);
    if (found == voices.end()) return std::nullopt;
    return *found;
  };
  if (auto exact = among([&](const CatalogVoice& voice) { return voice.id == name; })) return exact;
  if (auto file = among([&](const CatalogVoice& v) { return last_part(v.file) == name; })) {
    return file;
  }
  return among([&](const CatalogVoice& v) { return equal_but_for_case(v.id, name); });
}

}  // namespace echo
