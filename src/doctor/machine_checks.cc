#include "doctor/machine_checks.h"

#include <unistd.h>

#include <cerrno>

#include "base/atomic_file.h"
#include "base/file_io.h"
#include "base/units.h"
#include "speech/health_check.h"
#include "speech/voice_directory.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

// The directory itself or the nearest one above it.
fs::path existing(fs::path path) {
  std::error_code error;
  path = fs::absolute(path, error);
  while (!fs::is_directory(path, error) && path != path.parent_path()) path = path.parent_path();
  return path;
}

std::string label(const DirectoryUse& use) { return use.variable + " (" + use.path.string() + ")"; }

// Why no file can be made there, or nothing.
std::string writing_problem(const fs::path& folder) {
  AtomicFile probe;
  int error = probe.create(folder / "probe");
  if (error == 0) error = probe.write("x");
  if (error == 0 && ::fsync(probe.descriptor()) != 0) error = errno;
  return error == 0 ? "" : system_reason(error);
}

}  // namespace

Finding check_room(const DirectoryUse& use) {
  std::error_code error;
  const fs::space_info space = fs::space(existing(use.path), error);
  if (error) return {Verdict::kWarn, label(use) + ": " + error.message(), "check the volume"};
  const std::string detail =
      label(use) + ": " + gigabytes(space.available) + " free of " + gigabytes(space.capacity) +
      (use.needed_bytes > 0 ? ", " + gigabytes(use.needed_bytes) + " needed" : std::string());
  const std::string remedy = "free some space or enlarge the volume";
  if (space.available < use.needed_bytes) return {Verdict::kFail, detail, remedy};
  if (space.available / 2 < use.needed_bytes) return {Verdict::kWarn, detail, remedy};
  return {Verdict::kPass, detail};
}

Finding check_rights(const DirectoryUse& use) {
  std::error_code error;
  const bool there = fs::is_directory(use.path, error);
  if (!there && fs::exists(use.path, error)) {
    return {Verdict::kFail, label(use) + ": is a file, a directory is needed",
            "remove the file or set " + use.variable};
  }
  if (!there && !use.written) {
    return {Verdict::kFail, label(use) + ": there is no such directory",
            "attach the volume, make the directory, or set " + use.variable};
  }
  const fs::path folder = existing(use.path);
  if (::access(folder.c_str(), R_OK | X_OK) != 0) {
    return {Verdict::kFail, label(use) + ": cannot be read: " + system_reason(errno),
            "give user " + std::to_string(::geteuid()) + " the right to read it"};
  }
  if (!use.written) return {Verdict::kPass, label(use) + ": can be read"};
  const std::string problem = writing_problem(folder);
  if (!problem.empty()) {
    return {Verdict::kFail, label(use) + ": cannot be written: " + problem,
            "mount the volume writable and give user " + std::to_string(::geteuid()) +
                " the right to write " + folder.string() + ", or set " + use.variable};
  }
  return {Verdict::kPass, label(use) + (there ? ": can be written" : ": can be made")};
}

Finding check_voice_directory(const std::string& path) {
  const HealthItem item = check_voices(VoiceDirectory(path));
  const Verdict verdict = item.status == HealthStatus::kPass   ? Verdict::kPass
                          : item.status == HealthStatus::kWarn ? Verdict::kWarn
                                                               : Verdict::kFail;
  return {verdict, path + ": " + item.detail,
          verdict == Verdict::kPass ? ""
                                    : "put recordings (wav, mp3, flac, ogg, ...) into "
                                      "AUDIO_VOICES_DIR; jobs without a voice work anyhow"};
}

}  // namespace echo
