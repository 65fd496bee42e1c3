#include "runpod/taken_jobs.h"

#include <utility>

#include "base/error.h"

namespace echo::runpod {

TakenJobs parse_taken_jobs(std::string_view body) {
  Json document = parse_json(body);
  if (!document.is_object() && !document.is_array()) {
    throw_corrupt(std::string("job response is of type ") + document.type_name() +
                  ", expected an object or an array");
  }
  TakenJobs taken;
  const auto take = [&taken](Json& item) {
    std::string problem = job_problem(item);
    if (problem.empty()) {
      taken.jobs.emplace_back(std::move(item));
      return;
    }
    const bool answerable = item.is_object() && job_id_problem(item).empty();
    taken.rejected.push_back({answerable ? item["id"].get<std::string>() : "", std::move(problem)});
  };
  if (document.is_object()) {
    take(document);
  } else {
    for (Json& item : document) take(item);
  }
  return taken;
}

}  // namespace echo::runpod
