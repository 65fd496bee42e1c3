#pragma once

namespace echo::server {

// What the whole server is at.
enum class ServerState { kLoading, kReady, kBroken, kDraining };

}  // namespace echo::server
