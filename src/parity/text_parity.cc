#include "parity/text_parity.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "text/chunk.h"
#include "text/normalize.h"
#include "text/tokens.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr const char* kNormalRow = "text: normalisation";
constexpr const char* kTokenRow = "text: tokens";
constexpr const char* kChunkRow = "text: chunks";

std::vector<int32_t> cut(std::vector<int32_t> ids, size_t length) {
  ids.resize(std::min(ids.size(), length));
  return ids;
}

void check_encoding(const json& entry, const std::string& name, Report& report) {
  const auto text = entry.at("text").get<std::string>();
  const std::string prepared = entry.at("normalize").get<bool>() ? normalize_text(text) : text;
  report.add(kNormalRow, name, prepared == entry.at("normalized_text").get<std::string>());
  const auto ids = entry.at("ids").get<std::vector<int32_t>>();
  report.add(
      kTokenRow, name,
      count_tokens(prepared) == ids.size() && tokenize(prepared) == cut(ids, kMaxTextTokens));
}

// A row of a padded batch holds the tokens of a text up to the first masked one.
void check_row(const std::string& text, const json& ids, const json& mask, size_t limit,
               const std::string& name, Report& report) {
  const auto visible = mask.get<std::vector<int>>();
  const auto count = static_cast<size_t>(std::count(visible.begin(), visible.end(), 1));
  const bool at_start = std::find(visible.begin(), visible.end(), 0) - visible.begin() ==
                        static_cast<ptrdiff_t>(count);
  report.add(kTokenRow, name,
             at_start && cut(ids.get<std::vector<int32_t>>(), count) ==
                             cut(tokenize(normalize_text(text)), limit));
}

void check_model_input(const json& entry, const json& texts, const std::string& name,
                       Report& report) {
  const json& max_length = entry.at("max_length");
  const size_t limit = max_length.is_null() ? kMaxTextTokens : max_length.get<size_t>();
  const json& ids = entry.at("ids");
  const json& mask = entry.at("mask");
  if (entry.contains("index")) {
    check_row(texts.at(entry.at("index").get<size_t>()).get<std::string>(), ids, mask, limit, name,
              report);
    return;
  }
  const json& indices = entry.at("indices");
  for (size_t i = 0; i < indices.size(); ++i) {
    const auto text = texts.at(indices[i].get<size_t>()).get<std::string>();
    const std::string row = name + ", row " + std::to_string(i);
    check_row(text, ids.at(i), mask.at(i), limit, row, report);
    report.add(kNormalRow, row,
               normalize_text(text) == entry.at("normalized_texts").at(i).get<std::string>());
  }
}

size_t limit_of(const std::string& text) {
  size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw_corrupt("chunk_text: found the limit " + quoted_name(text) + ", expected a number");
  }
  return limit;
}

void check_chunks(const json& entry, const std::string& name, Report& report) {
  using Chunks = std::vector<std::string>;
  const auto text = entry.at("text").get<std::string>();
  for (const auto& [limit, chunks] : entry.at("chunk_text").items()) {
    report.add(kChunkRow, name + ", limit " + limit,
               chunk_text(text, limit_of(limit)) == chunks.get<Chunks>());
  }
  for (const json& audio : entry.at("chunk_text_for_audio")) {
    const auto max_chars = audio.at("max_chars").get<size_t>();
    const auto seconds = audio.at("target_duration_seconds").get<double>();
    report.add(kChunkRow,
               name + ", for audio, limit " + std::to_string(max_chars) + " and " +
                   audio.at("target_duration_seconds").dump() + " s",
               chunk_text_for_audio(text, max_chars, seconds) == audio.at("chunks").get<Chunks>());
  }
}

// One attempt for each entry of a list.
template <class F>
void for_each_entry(const json& list, const char* stage, const std::string& name, Report& report,
                    const F& check) {
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string entry_name = name + " " + std::to_string(i);
    report.attempt(stage, entry_name, [&] { check(list.at(i), entry_name); });
  }
}

}  // namespace

void check_text(const GoldenSet& set, Report& report) {
  report.attempt(kTokenRow, "text.json", [&] {
    const json document = set.document("text");
    for_each_entry(
        document.at("tokenizer_encode"), kTokenRow, "tokenizer_encode", report,
        [&](const json& entry, const std::string& name) { check_encoding(entry, name, report); });
    const json& texts = set.manifest().at("texts");
    for_each_entry(document.at("get_text_input_ids_and_mask"), kTokenRow,
                   "get_text_input_ids_and_mask", report,
                   [&](const json& entry, const std::string& name) {
                     check_model_input(entry, texts, name, report);
                   });
  });
  report.attempt(kChunkRow, "chunk_text.json", [&] {
    const json document = set.document("chunk_text");
    for_each_entry(
        document, kChunkRow, "text", report,
        [&](const json& entry, const std::string& name) { check_chunks(entry, name, report); });
  });
}

}  // namespace echo::parity
