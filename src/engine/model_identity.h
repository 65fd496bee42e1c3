// Which model it is, told by the weights.
#pragma once

#include <string>

#include "nn/weights.h"

namespace echo {

// A hash of every tensor's name, type, shape, and the first and last kilobytes of its values: a few
// megabytes read of files that have gigabytes, and any training changes it. The same for copies of
// a file, wherever they lie.
std::string model_identity(const Weights& root);

}  // namespace echo
