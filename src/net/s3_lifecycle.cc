#include "net/s3_lifecycle.h"

#include <charconv>

#include "base/error.h"
#include "net/xml.h"

namespace echo {
namespace {

std::optional<int> number(const std::optional<std::string>& text) {
  int value = 0;
  if (!text) return std::nullopt;
  const char* end = text->data() + text->size();
  const auto [stopped, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

}  // namespace

std::vector<LifecycleRule> parse_lifecycle(std::string_view xml) {
  const auto body = xml_elements(xml, "LifecycleConfiguration");
  if (body.empty()) throw_corrupt("storage: the answer holds no LifecycleConfiguration");
  std::vector<LifecycleRule> rules;
  for (const std::string& element : xml_elements(body.front(), "Rule")) {
    LifecycleRule rule;
    rule.xml = element;
    rule.id = xml_text(element, "ID").value_or("");
    rule.prefix = xml_text(element, "Prefix").value_or("");
    rule.enabled = xml_text(element, "Status") == "Enabled";
    const auto expiration = xml_elements(element, "Expiration");
    if (!expiration.empty()) rule.expiration_days = number(xml_text(expiration.front(), "Days"));
    rules.push_back(std::move(rule));
  }
  return rules;
}

LifecycleRule make_expiration_rule(const std::string& id, const std::string& prefix, int days) {
  LifecycleRule rule{id, prefix, true, days, ""};
  rule.xml = "<Rule><ID>" + xml_escape(id) + "</ID><Filter><Prefix>" + xml_escape(prefix) +
             "</Prefix></Filter><Status>Enabled</Status><Expiration><Days>" + std::to_string(days) +
             "</Days></Expiration></Rule>";
  return rule;
}

std::string lifecycle_xml(const std::vector<LifecycleRule>& rules) {
  std::string out = "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const LifecycleRule& rule : rules) out += rule.xml;
  return out + "</LifecycleConfiguration>";
}

}  // namespace echo
