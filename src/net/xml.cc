#include "net/xml.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace echo {
namespace {

struct Element {
  std::size_t begin, inner_begin, inner_end, end;
};

std::optional<Element> find_element(std::string_view xml, std::string_view name,
                                    std::size_t from = 0) {
  const std::string open = "<" + std::string(name);
  const std::string close = "</" + std::string(name) + ">";
  for (auto begin = xml.find(open, from); begin != std::string_view::npos;
       begin = xml.find(open, begin + 1)) {
    const auto after = begin + open.size();
    if (after >= xml.size()) return std::nullopt;
    const bool whole_name =
        std::string_view(" \t\r\n/>").find(xml[after]) != std::string_view::npos;
    if (!whole_name) continue;
    const auto tag_end = xml.find('>', after);
    if (tag_end == std::string_view::npos) return std::nullopt;
    if (xml[tag_end - 1] == '/') return Element{begin, tag_end + 1, tag_end + 1, tag_end + 1};
    const auto inner_end = xml.find(close, tag_end);
    if (inner_end == std::string_view::npos) return std::nullopt;
    return Element{begin, tag_end + 1, inner_end, inner_end + close.size()};
  }
  return std::nullopt;
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// Appends what an entity ("lt", "#38", "#x26") stands for; false if it is none.
bool append_entity(std::string& out, std::string_view name) {
  if (name == "lt") return out += '<', true;
  if (name == "gt") return out += '>', true;
  if (name == "amp") return out += '&', true;
  if (name == "quot") return out += '"', true;
  if (name == "apos") return out += '\'', true;
  if (!name.starts_with("#")) return false;
  name.remove_prefix(1);
  int base = 10;
  if (name.starts_with("x")) {
    base = 16;
    name.remove_prefix(1);
  }
  unsigned code = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), code, base);
  if (error != std::errc() || end != name.data() + name.size() || code > 0x10ffff) return false;
  append_utf8(out, code);
  return true;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto end = text[i] == '&' ? text.find(';', i) : std::string_view::npos;
    if (end != std::string_view::npos && append_entity(out, text.substr(i + 1, end - i - 1))) {
      i = end + 1;
    } else {
      out += text[i++];
    }
  }
  return out;
}

}  // namespace

std::string xml_without_prefixes(std::string_view xml) {
  std::string out;
  out.reserve(xml.size());
  for (std::size_t at = 0; at < xml.size();) {
    // Comments, texts that are not parsed and instructions stay as they are.
    const std::pair<std::string_view, std::string_view> verbatim[] = {
        {"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};
    std::size_t skip = 0;
    for (const auto& [begin, end] : verbatim) {
      if (!xml.substr(at).starts_with(begin)) continue;
      const auto found = xml.find(end, at + begin.size());
      skip = (found == std::string_view::npos ? xml.size() : found + end.size()) - at;
    }
    if (skip == 0 && xml[at] != '<') skip = std::min(xml.find('<', at), xml.size()) - at;
    if (skip > 0) {
      out += xml.substr(at, skip);
      at += skip;
      continue;
    }
    out += xml[at++];
    if (at < xml.size() && xml[at] == '/') out += xml[at++];
    const auto name_end = std::min(xml.find_first_of(" \t\r\n/><", at), xml.size());
    const auto colon = xml.substr(at, name_end - at).rfind(':');
    if (colon != std::string_view::npos) at += colon + 1;
    const auto tag_end = std::min(xml.find('>', at), xml.size());
    out += xml.substr(at, tag_end - at);
    at = tag_end;
  }
  return out;
}

std::optional<std::string> xml_text(std::string_view text, std::string_view element) {
  const std::string whole = xml_without_prefixes(text);
  const std::string_view xml = whole;
  const auto found = find_element(xml, element);
  if (!found) return std::nullopt;
  return unescape(xml.substr(found->inner_begin, found->inner_end - found->inner_begin));
}

std::vector<std::string> xml_elements(std::string_view text, std::string_view element) {
  const std::string whole = xml_without_prefixes(text);
  const std::string_view xml = whole;
  std::vector<std::string> out;
  std::size_t from = 0;
  while (const auto found = find_element(xml, element, from)) {
    out.emplace_back(xml.substr(found->begin, found->end - found->begin));
    from = found->end;
  }
  return out;
}

std::string xml_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace echo
