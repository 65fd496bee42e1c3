// A copy of recorded data in which a test changes something.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "support/golden.h"
#include "support/temp_dir.h"

namespace echo::parity {

// Files are links to those of tests/golden until they are changed.
class AlteredSet {
 public:
  explicit AlteredSet(const char* name) {
    for (const auto& entry : std::filesystem::directory_iterator(golden(name).folder())) {
      std::filesystem::create_symlink(entry.path(), folder() / entry.path().filename());
    }
  }

  const std::filesystem::path& folder() const { return folder_.path(); }
  GoldenSet open() const { return GoldenSet::open(folder()); }

  void remove(const std::string& file) { std::filesystem::remove(folder() / file); }
  std::string read(const std::string& file) const {
    std::ifstream in(folder() / file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  void write(const std::string& file, const std::string& bytes) {
    remove(file);
    std::ofstream(folder() / file, std::ios::binary) << bytes;
  }

  void change_json(const std::string& file, const std::function<void(nlohmann::json&)>& change) {
    nlohmann::json document = nlohmann::json::parse(read(file));
    change(document);
    write(file, document.dump());
  }

  // All occurrences of `from` become `to`: names of tensors, when both have one length.
  void replace(const std::string& file, const std::string& from, const std::string& to) {
    std::string bytes = read(file);
    size_t count = 0;
    for (size_t at = bytes.find(from); at != bytes.npos; at = bytes.find(from, at + to.size())) {
      bytes.replace(at, from.size(), to);
      ++count;
    }
    if (count == 0) throw std::runtime_error(file + ": no " + from);
    write(file, bytes);
  }

  // Changes element `index` of a tensor, which is of type T.
  template <class T>
  void change_element(const std::string& file, const std::string& tensor, size_t index,
                      const std::function<T(T)>& change) {
    std::string bytes = read(file);
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    const auto header = nlohmann::json::parse(bytes.substr(sizeof length, length));
    const auto begin = header.at(tensor).at("data_offsets").at(0).get<uint64_t>();
    char* const place = bytes.data() + sizeof length + length + begin + index * sizeof(T);
    T value;
    std::memcpy(&value, place, sizeof value);
    value = change(value);
    std::memcpy(place, &value, sizeof value);
    write(file, bytes);
  }

 private:
  TempDir folder_;
};

}  // namespace echo::parity
