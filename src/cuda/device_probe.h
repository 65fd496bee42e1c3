// Whether a GPU can be used at all.
#pragma once

namespace echo::cuda {

// Errors: kUnavailable with the reason in one line: no driver, one that is too old, no such device,
// a compute capability that the module was not built for.
void require_device(int device);

}  // namespace echo::cuda
