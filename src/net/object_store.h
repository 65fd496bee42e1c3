// Where results go: put an object, hand out a link to it.
//
//   S3Store store(options, http);  // or DirectoryStore, or a ForwardingStore around either
//   store.put("anna.ogg", bytes, "audio/ogg", stop);
//   send(store.link("anna.ogg", std::chrono::hours(1)));
//   store.remove("anna.ogg");
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace echo {

struct ObjectInfo {
  std::uint64_t size = 0;
  std::string content_type;
};

// Names are relative ("anna.ogg"); the store puts its prefix before them, which gives the key.
// Every function throws kInvalidArgument for a name that cannot be a key. Those that take `stop`
// ask the store, and throw kUnavailable (it cannot be reached or refuses, and trying again did not
// help), kNotFound (the object or the bucket) and kCancelled. Errors name the key and the store,
// never a secret. Any thread may call any function.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  virtual std::string key(const std::string& name) const = 0;  // the object's whole name

  // Writes the whole object or nothing; an object of that name is replaced.
  virtual void put(const std::string& name, std::string_view data, const std::string& content_type,
                   std::stop_token stop = {}) = 0;
  virtual std::string get(const std::string& name, std::stop_token stop = {}) = 0;  // all of it
  // Returns nothing if there is no such object.
  virtual std::optional<ObjectInfo> head(const std::string& name, std::stop_token stop = {}) = 0;
  // Removes the object; that there is none is no error.
  virtual void remove(const std::string& name, std::stop_token stop = {}) = 0;

  // Returns an address under which anyone can read the object until `ttl` has passed (zero: the
  // store's usual time). It is made without asking the store, so the object need not exist.
  virtual std::string link(const std::string& name, std::chrono::seconds ttl = {}) const = 0;
  // Returns what the holder of a link gets.
  virtual std::string read_link(const std::string& url, std::stop_token stop = {}) = 0;

  // Returns the store's name for people: "bucket b at https://host" or "folder /results".
  virtual std::string describe() const = 0;
};

}  // namespace echo
