// Of the weights: are they what they were published as?
#pragma once

#include "checkpoint/model_files.h"
#include "doctor/finding.h"

namespace echo {

// Opens the files and compares their tensors with what the models need; no values are read.
Finding check_weights(const ModelFiles& files);

// Compares the files' bytes with the hashes that are known of them: in a hub's cache a blob is
// named by its content's SHA-256, a packed file holds its own. Files of which none is known are a
// pass that says so. Reads gigabytes.
Finding check_hashes(const ModelFiles& files, std::stop_token stop);

}  // namespace echo
