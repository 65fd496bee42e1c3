#include "cuda/algorithm_store.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_io.h"

namespace echo::cuda {
namespace {

constexpr char kFirstLine[] = "echo-tts cublaslt algorithms 1";
constexpr char kLastLine[] = "end";
constexpr size_t kMaxOfShape = 4;
constexpr uintmax_t kMaxBytes = uintmax_t{4} << 20;

std::string file_name(const std::string& identity) {
  std::string name;
  for (const char c : identity) {
    name += std::isalnum(static_cast<unsigned char>(c)) || c == '.' ? c : '-';
  }
  return name + ".algorithms";
}

}  // namespace

int64_t row_class(int64_t rows) {
  int64_t size = 16;
  while (size < 128) {
    if (rows <= size) return size;
    size *= 2;
  }
  int64_t step = 128;
  while (rows > step * 8) step *= 2;
  return (rows + step - 1) / step * step;
}

AlgorithmStore::AlgorithmStore(const std::filesystem::path& folder, const std::string& identity)
    : identity_(identity) {
  if (folder.empty()) return;
  file_ = folder / file_name(identity);
  try {
    read();
  } catch (const std::exception&) {
    algorithms_.clear();
  }
}

std::span<const AlgorithmBits> AlgorithmStore::find(const MatmulShape& shape) const {
  const auto found = algorithms_.find(shape);
  if (found == algorithms_.end()) return {};
  return found->second;
}

void AlgorithmStore::put(const MatmulShape& shape, const AlgorithmBits& algorithm) {
  std::vector<AlgorithmBits>& of_shape = algorithms_[shape];
  std::erase(of_shape, algorithm);
  of_shape.insert(of_shape.begin(), algorithm);
  if (of_shape.size() > kMaxOfShape) of_shape.pop_back();
  if (file_.empty()) return;
  try {
    write();
  } catch (const Error&) {
    file_.clear();  // it would only fail again
  }
}

void AlgorithmStore::read() {
  std::error_code error;
  if (std::filesystem::file_size(file_, error) > kMaxBytes || error) return;
  std::istringstream text(read_file(file_));
  std::string line;
  if (!std::getline(text, line) || line != kFirstLine) return;
  if (!std::getline(text, line) || line != identity_) return;
  std::map<MatmulShape, std::vector<AlgorithmBits>> found;
  while (std::getline(text, line) && line != kLastLine) {
    std::istringstream fields(line);
    MatmulShape shape;
    int in = 0, out = 0;
    AlgorithmBits algorithm{};
    fields >> shape.rows >> shape.outputs >> shape.depth >> in >> out >> shape.bias >>
        shape.accumulate >> shape.alignment >> std::hex;
    shape.in = static_cast<DType>(in);
    shape.out = static_cast<DType>(out);
    for (uint64_t& word : algorithm) fields >> word;
    std::string rest;
    if (!fields || fields >> rest) return;
    found[shape].push_back(algorithm);
  }
  if (line != kLastLine) return;  // cut short
  algorithms_ = std::move(found);
}

void AlgorithmStore::write() const {
  std::ostringstream text;
  text << kFirstLine << '\n' << identity_ << '\n';
  for (const auto& [shape, of_shape] : algorithms_) {
    for (const AlgorithmBits& algorithm : of_shape) {
      text << shape.rows << ' ' << shape.outputs << ' ' << shape.depth << ' '
           << static_cast<int>(shape.in) << ' ' << static_cast<int>(shape.out) << ' ' << shape.bias
           << ' ' << shape.accumulate << ' ' << shape.alignment << std::hex;
      for (const uint64_t word : algorithm) text << ' ' << word;
      text << std::dec << '\n';
    }
  }
  text << kLastLine << '\n';
  write_file_atomically(file_, text.str(), Durability::kNone);  // read() checks it
}

}  // namespace echo::cuda
