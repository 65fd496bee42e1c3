// A model hub on loopback that behaves like the real one: large files are redirected to a second
// host.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/digest.h"
#include "support/http_peer.h"

namespace echo {

struct HubFile {
  std::string content;
  bool large = true;  // named by its SHA-256 and served by the second host, else by its git SHA-1
};

class FakeHub {
 public:
  static constexpr const char* kRepository = "Org/model.x";
  static constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

  explicit FakeHub(std::map<std::string, HubFile> files);

  std::string url() const { return hub_.url(); }
  std::string etag(const std::string& file) const;
  std::vector<PeerRequest> hub_requests() const { return hub_.requests(); }
  std::vector<PeerRequest> content_requests() const { return content_.requests(); }
  // Of the files, sent by either host.
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  const HttpPeer& hub() const { return hub_; }
  const HttpPeer& content() const { return content_; }

  // Knobs; set them before the first request.
  std::string required_token;  // empty: open to all
  bool ranges = true;          // the second host knows Range
  bool says_size = true;       // X-Linked-Size
  bool renamed = false;        // the first answer is a redirect within the hub
  // Changes an answer with a body before it is sent.
  using ContentFault = std::function<void(const PeerRequest&, PeerReply&)>;
  void set_content_fault(ContentFault fault);
  // Answers instead of the hub if it returns something.
  using HubFault = std::function<std::optional<PeerReply>(const PeerRequest&)>;
  void set_hub_fault(HubFault fault);

 private:
  PeerReply answer_hub(const PeerRequest& request);
  PeerReply answer_content(const PeerRequest& request);
  PeerReply describe_paths(const PeerRequest& request) const;
  PeerReply body(const PeerRequest& request, const std::string& content, const std::string& etag);

  void inject_content_fault(const PeerRequest& request, PeerReply& reply);

  std::map<std::string, HubFile> files_;
  std::mutex mutex_;  // guards the faults
  ContentFault content_fault_;
  HubFault hub_fault_;
  std::atomic<std::uint64_t> bytes_sent_{0};
  HttpPeer content_;
  HttpPeer hub_;
};

// Different at every offset.
std::string patterned(std::size_t size, unsigned seed = 1);

}  // namespace echo
