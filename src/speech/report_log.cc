#include "speech/report_log.h"

namespace echo {

void ReportLog::tell(const JobReport& report, const LogScope& scope) const {
  try {
    logger_.info(report_line(report), scope);
    if (finished_) finished_(report);
  } catch (const std::exception&) {
    // There is nobody to tell it to.
  }
}

}  // namespace echo
