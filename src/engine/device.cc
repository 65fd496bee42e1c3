#include "engine/device.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace echo {
namespace {

// What a name other than "auto" says.
struct DeviceName {
  std::string_view kind;
  int index = 0;
};

std::optional<DeviceName> parse(std::string_view name) {
  constexpr std::string_view kGpu = "cuda";
  if (name == "cpu") return DeviceName{name};
  if (name.substr(0, kGpu.size()) != kGpu) return {};
  name.remove_prefix(kGpu.size());
  if (name.empty()) return DeviceName{kGpu};
  if (name.front() != ':') return {};
  name.remove_prefix(1);
  unsigned index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  constexpr unsigned kMaxDevices = 1024;
  if (error != std::errc() || end != name.data() + name.size() || index >= kMaxDevices) return {};
  return DeviceName{kGpu, static_cast<int>(index)};
}

std::unique_ptr<Backend> first_that_works(const DeviceOptions& options) {
  for (size_t i = 0; i + 1 < options.kinds.size(); ++i) {
    try {
      return options.kinds[i].make(options, 0);
    } catch (const Error& error) {
      if (options.notice) {
        options.notice("Using the " + options.kinds[i + 1].title + ". " + error.what());
      }
    }
  }
  if (options.kinds.empty()) throw_unavailable("device: this program has none to compute on");
  return options.kinds.back().make(options, 0);
}

}  // namespace

bool is_device_name(const std::string& name) { return name == "auto" || parse(name); }

std::unique_ptr<Backend> make_device(const DeviceOptions& options) {
  if (options.name == "auto") return first_that_works(options);
  const std::optional<DeviceName> name = parse(options.name);
  if (!name) {
    throw_invalid("device: found \"" + options.name.substr(0, 40) +
                  "\", expected \"auto\", \"cpu\", \"cuda\" or \"cuda:N\"");
  }
  std::string there;
  for (const DeviceKind& kind : options.kinds) {
    if (kind.name == name->kind) return kind.make(options, name->index);
    there += (there.empty() ? "" : ", ") + kind.name;
  }
  throw_unavailable("device: found \"" + options.name + "\", this program computes on: " +
                    (there.empty() ? "none" : there));
}

}  // namespace echo
