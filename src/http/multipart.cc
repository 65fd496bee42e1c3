#include "http/multipart.h"

#include <algorithm>
#include <map>

#include "base/ascii.h"
#include "base/error.h"

namespace echo::http {
namespace {

constexpr std::size_t kLongestBoundary = 70;
constexpr std::size_t kLongestFieldName = 200;

[[noreturn]] void refuse(const std::string& what) { throw_invalid("The form " + what); }

bool is_token(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kMarks.find(c) != std::string_view::npos;
}

bool is_boundary(char c) {
  constexpr std::string_view kMarks = "'()+_,-./:=? ";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kMarks.find(c) != std::string_view::npos;
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

std::string take_token(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_token);
  const auto size = static_cast<std::size_t>(end - text.begin());
  std::string token(text.substr(0, size));
  text.remove_prefix(size);
  return token;
}

// What stands in quotes. Nothing when they do not end.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    // Only these two are escaped: old browsers send backslashes of paths as they are.
    const bool escaped =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
    value += text[escaped ? ++i : i];
  }
  return std::nullopt;
}

// "a; b=c; d=\"e\"": the word in front, in small letters, and what follows it.
struct FieldValue {
  std::string word;
  std::map<std::string, std::string> parameters;  // by names in small letters
};

// Nothing for what is not written like that, or says something twice.
std::optional<FieldValue> field_value(std::string_view text) {
  FieldValue value;
  skip_blanks(text);
  while (!text.empty() && (is_token(text.front()) || text.front() == '/')) {
    value.word += text.front();
    text.remove_prefix(1);
  }
  value.word = lower(value.word);
  for (;;) {
    skip_blanks(text);
    if (text.empty()) return value;
    if (text.front() != ';') return std::nullopt;
    text.remove_prefix(1);
    skip_blanks(text);
    if (text.empty()) return value;
    const std::string name = lower(take_token(text));
    if (name.empty() || !text.starts_with('=')) return std::nullopt;
    text.remove_prefix(1);
    std::optional<std::string> given;
    if (text.starts_with('"')) {
      given = take_quoted(text);
    } else {
      given = take_token(text);
      if (given->empty()) given.reset();
    }
    if (!given || !value.parameters.emplace(name, *std::move(given)).second) return std::nullopt;
  }
}

// The head of a part, without its empty line.
FormPart read_head(std::string_view head) {
  FormPart part;
  bool named = false;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const std::string field = lower(take_token(line));
    const bool printable = std::none_of(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
    });
    if (field.empty() || !line.starts_with(':') || !printable) {
      refuse("has a part whose head is no head");
    }
    line.remove_prefix(1);
    skip_blanks(line);
    if (field == "content-type") {
      part.content_type = line;
      if (lower(part.content_type).starts_with("multipart/")) refuse("has a form in a part");
    } else if (field == "content-transfer-encoding") {
      const std::string coding = lower(line);
      if (coding != "binary" && coding != "8bit" && coding != "7bit") {
        refuse("has a part that is coded, expected its bytes as they are");
      }
    } else if (field == "content-disposition") {
      const auto value = field_value(line);
      if (named || !value || value->word != "form-data" || !value->parameters.count("name")) {
        refuse("has a part whose Content-Disposition is not form-data with a name");
      }
      named = true;
      part.name = value->parameters.at("name");
      for (const char* name : {"filename", "filename*"}) {
        const auto found = value->parameters.find(name);
        if (found != value->parameters.end()) part.filename = found->second;
      }
    }
  }
  if (!named) refuse("has a part without Content-Disposition");
  if (part.name.empty() || part.name.size() > kLongestFieldName) {
    refuse("has a part whose name has " + std::to_string(part.name.size()) +
           " bytes, expected 1 to " + std::to_string(kLongestFieldName));
  }
  return part;
}

}  // namespace

std::optional<std::string> form_boundary(std::string_view content_type) {
  const auto value = field_value(content_type);
  if (!value) {
    constexpr std::string_view kType = "multipart/form-data";
    if (lower(content_type.substr(0, kType.size())) != kType) return std::nullopt;
    refuse("has a Content-Type that cannot be read");
  }
  if (value->word != "multipart/form-data") return std::nullopt;
  const auto found = value->parameters.find("boundary");
  const std::string boundary = found == value->parameters.end() ? "" : found->second;
  if (boundary.empty() || boundary.size() > kLongestBoundary || boundary.back() == ' ' ||
      !std::all_of(boundary.begin(), boundary.end(), is_boundary)) {
    refuse("names no boundary of 1 to " + std::to_string(kLongestBoundary) + " characters");
  }
  return boundary;
}

std::vector<FormPart> parse_form(std::string_view body, std::string_view boundary) {
  const std::string delimiter = "\r\n--" + std::string(boundary);
  // The first stands at the very beginning, where there is no end of a line before it.
  if (!body.starts_with(std::string_view(delimiter).substr(2))) {
    refuse("does not begin with its boundary");
  }
  body.remove_prefix(delimiter.size() - 2);
  std::vector<FormPart> parts;
  for (;;) {
    if (body.starts_with("--")) {
      body.remove_prefix(2);
      if (!body.empty() && body != "\r\n") refuse("goes on after its end");
      return parts;
    }
    if (!body.starts_with("\r\n")) {
      refuse(body.size() < 2 ? "is cut" : "has its boundary where none is expected");
    }
    if (parts.size() == kMaxFormParts) {
      refuse("has more than " + std::to_string(kMaxFormParts) + " parts");
    }
    body.remove_prefix(2);
    // An empty line ends the head; a head without a line is none.
    const std::string_view window = body.substr(0, kLongestPartHead + 4);
    const std::size_t end = window.find("\r\n\r\n");
    if (end == std::string_view::npos) {
      refuse(window.size() < body.size() ? "has a part whose head has more than " +
                                               std::to_string(kLongestPartHead) + " bytes"
                                         : "is cut");
    }
    FormPart part = read_head(body.substr(0, end));
    body.remove_prefix(end + 2);  // an empty content shares its line end with the delimiter
    const std::size_t next = body.find(delimiter);
    if (next == std::string_view::npos) refuse("is cut");
    if (next > 2) part.content = body.substr(2, next - 2);
    parts.push_back(std::move(part));
    body.remove_prefix(next + delimiter.size());
  }
}

}  // namespace echo::http
