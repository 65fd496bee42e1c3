// Jobs as the platform hands them out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "job/job.h"

namespace echo::runpod {

// An item that is no job.
struct RejectedItem {
  std::string id;      // set when the item can be answered all the same
  std::string reason;  // what is wrong, free of the item's content
};

struct TakenJobs {
  std::vector<Job> jobs;
  std::vector<RejectedItem> rejected;
};

// Returns the jobs of a take response: one object, or an array whose items are judged one by one.
// Throws kCorrupt as parse_json() does, and when the body is neither object nor array.
TakenJobs parse_taken_jobs(std::string_view body);

}  // namespace echo::runpod
