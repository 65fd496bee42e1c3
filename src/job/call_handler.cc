#include "job/call_handler.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <typeinfo>

namespace echo {
namespace {

JobOutcome unexpected(const std::exception& error, const Job& job, Logger& logger,
                      const ExceptionReport& report) {
  logger.error("Captured Handler Exception | " + exception_type(error), {job.id(), job.batch_id()});
  return JobFailure{"", report(error), false, nullptr};
}

}  // namespace

JobOutcome call_handler(const Handler& handler, const Job& job, JobContext& context, Logger& logger,
                        const ExceptionReport& report) {
  try {
    return settled(handler(job, context));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCancelled) {
      logger.error("Job failed. | " + std::string(error_kind(error.code())),
                   {job.id(), job.batch_id()});
    }
    return JobOutcome::failure(error);
  } catch (const std::exception& error) {
    return unexpected(error, job, logger, report);
  } catch (...) {
    return unexpected(std::runtime_error("unknown exception"), job, logger, report);
  }
}

std::string exception_type(const std::exception& error) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status), &std::free);
  return std::string("<class '") + (status == 0 ? name.get() : typeid(error).name()) + "'>";
}

}  // namespace echo
