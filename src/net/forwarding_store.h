// A store that passes everything on, for those that change one thing.
#pragma once

#include "net/object_store.h"

namespace echo {

class ForwardingStore : public ObjectStore {
 public:
  // `inner` must outlive this.
  explicit ForwardingStore(ObjectStore& inner) : inner_(inner) {}

  std::string key(const std::string& name) const override { return inner_.key(name); }
  void put(const std::string& name, std::string_view data, const std::string& content_type,
           std::stop_token stop = {}) override {
    inner_.put(name, data, content_type, stop);
  }
  std::string get(const std::string& name, std::stop_token stop = {}) override {
    return inner_.get(name, stop);
  }
  std::optional<ObjectInfo> head(const std::string& name, std::stop_token stop = {}) override {
    return inner_.head(name, stop);
  }
  void remove(const std::string& name, std::stop_token stop = {}) override {
    inner_.remove(name, stop);
  }
  std::string link(const std::string& name, std::chrono::seconds ttl = {}) const override {
    return inner_.link(name, ttl);
  }
  std::string read_link(const std::string& url, std::stop_token stop = {}) override {
    return inner_.read_link(url, stop);
  }
  std::string describe() const override { return inner_.describe(); }

 private:
  ObjectStore& inner_;
};

}  // namespace echo
