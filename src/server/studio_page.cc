#include "server/studio_page.h"

#include <string>

#include "base/digest.h"
#include "base/error.h"

namespace echo::server {
namespace {

// Puts `with` in the place of `what`, which is there once.
void replace(std::string& text, std::string_view what, std::string_view with) {
  const size_t at = text.find(what);
  if (at == std::string::npos) throw_internal("the page has no " + std::string(what));
  text.replace(at, what.size(), with);
}

std::string sum(std::string_view text) {
  return "'sha256-" + base64(digest(DigestKind::kSha256, text)) + "'";
}

std::string assembled() {
  std::string page(kStudioHtml);
  replace(page, R"(<link rel="stylesheet" href="studio.css">)",
          "<style>" + std::string(kStudioStyle) + "</style>");
  replace(page, R"(<script src="studio.js"></script>)",
          "<script>" + std::string(kStudioScript) + "</script>");
  return page;
}

}  // namespace

http::Response studio_page() {
  static const std::string page = assembled();
  static const std::string policy =
      "default-src 'none'; script-src " + sum(kStudioScript) + "; style-src " + sum(kStudioStyle) +
      "; connect-src 'self'; media-src 'self' blob:; img-src 'self' data:; base-uri 'none'; "
      "form-action 'none'; frame-ancestors 'none'";
  http::Response response;
  response.headers = {{"Content-Type", "text/html; charset=utf-8"},
                      {"Content-Security-Policy", policy},
                      {"Referrer-Policy", "no-referrer"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Cache-Control", "no-cache"}};
  response.body = page;
  return response;
}

Json studio_settings_json(const StudioSettings& settings) {
  Json parameters = Json::object();
  if (settings.defaults != nullptr) {
    for (const ParameterInfo& info : parameter_table()) {
      parameters[std::string(info.name)] = {
          {"default", parameter_text(*settings.defaults, info.name)},
          {"minimum", info.minimum},
          {"maximum", info.maximum}};
    }
  }
  return {{"ready", settings.defaults != nullptr},
          {"max_input_chars", settings.max_input_chars},
          {"uploads", settings.uploads},
          {"max_voice_bytes", settings.max_voice_bytes},
          {"parameters", std::move(parameters)}};
}

}  // namespace echo::server
