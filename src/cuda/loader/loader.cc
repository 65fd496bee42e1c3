#include "cuda/loader/loader.h"

#include <dlfcn.h>

#include <iterator>
#include <string>
#include <system_error>
#include <vector>

namespace echo::cuda {
namespace {

namespace fs = std::filesystem;

// Where toolkits and distributions put cuBLASLt without telling the dynamic linker; an image has it
// beside the module or in ../lib.
constexpr const char* kLibraryFolders[] = {"/usr/local/cuda/lib64", "/usr/local/cuda/lib",
                                           "/usr/lib/x86_64-linux-gnu", "/usr/lib64"};

std::string last_error() {
  const char* text = dlerror();
  return text ? text : "unknown error";
}

// The name in "NAME: cannot open shared object file", when it is another file than the module.
std::string missing_library(const std::string& error) {
  const size_t end = error.find(": cannot open shared object file");
  if (end == std::string::npos) return {};
  const std::string name = error.substr(0, end);
  return name.find('/') == std::string::npos ? name : std::string();
}

// Opens the module and never closes it: buffers and code of it live as long as the process.
void* open_module(const fs::path& path) {
  constexpr int kFlags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
  if (void* handle = dlopen(path.c_str(), kFlags)) return handle;
  const std::string error = last_error();
  const std::string missing = missing_library(error);
  if (missing.empty()) throw_unavailable("CUDA: " + path.string() + " cannot be opened: " + error);
  std::vector<fs::path> folders = {path.parent_path(), path.parent_path().parent_path() / "lib"};
  folders.insert(folders.end(), std::begin(kLibraryFolders), std::end(kLibraryFolders));
  for (const fs::path& folder : folders) {
    // A library that is open already satisfies the module.
    if (!dlopen((folder / missing).c_str(), RTLD_NOW | RTLD_LOCAL)) continue;
    if (void* handle = dlopen(path.c_str(), kFlags)) return handle;
  }
  throw_unavailable("CUDA: the library " + missing + " is missing, which comes with the toolkit");
}

ErrorCode error_code(int code) {
  return code >= 0 && code <= static_cast<int>(ErrorCode::kInternal) ? static_cast<ErrorCode>(code)
                                                                     : ErrorCode::kInternal;
}

}  // namespace

fs::path find_module(const fs::path& module) {
  if (!module.empty()) return module;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const fs::path beside = program / kModuleName;
  const fs::path library = program.parent_path() / "lib" / kModuleName;
  return !fs::exists(beside, ignored) && fs::exists(library, ignored) ? library : beside;
}

std::unique_ptr<Backend> open_backend(const fs::path& module, const CudaOptions& options) {
  const fs::path path = find_module(module);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw_unavailable("CUDA: there is no module " + path.string());
  }
  void* handle = open_module(path);
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, kEntryName));
  if (!entry) throw_internal("CUDA: " + path.string() + " is not a module of this program");
  ModuleReply reply;
  entry(interface_version(), &options, &reply);
  reply.error[sizeof reply.error - 1] = '\0';
  if (!reply.backend) throw Error(error_code(reply.error_code), reply.error);
  return std::unique_ptr<Backend>(reply.backend);
}

}  // namespace echo::cuda
