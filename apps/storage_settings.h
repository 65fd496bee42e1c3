// The object store and the directories, from the environment.
#pragma once

#include "apps/environment.h"
#include "net/s3_options.h"
#include "speech/output_directory.h"

namespace echo::apps {

// S3_* with the platform SDK's BUCKET_* as the fallback. Throws kInvalidArgument for a number or an
// addressing style that is none; what is missing is told by s3_problems().
S3Options s3_options_of(const Environment& environment);
OutputDirectoryOptions output_directory_of(const Environment& environment);
std::string voices_directory_of(const Environment& environment);

}  // namespace echo::apps
