// What every S3 server must let the store do.
#pragma once

#include "net/s3_options.h"

namespace echo {

struct S3Abilities {
  bool checks_region = false;
  bool lifecycle = false;
};

// Expects (as GoogleTest does) that all operations work with the options' bucket, which must exist,
// and that wrong keys, forged and expired links are refused.
void converse_with_s3(const S3Options& options, const S3Abilities& abilities = {});

}  // namespace echo
