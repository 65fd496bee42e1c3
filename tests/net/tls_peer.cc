#include "tls_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string_view>

namespace echo {
namespace {

void add_extension(X509* certificate, int id, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
  if (extension == nullptr) throw std::runtime_error("tls peer: extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* make_certificate(EVP_PKEY* key, const std::string& host) {
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(host.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  const bool numeric = host.find_first_not_of("0123456789.") == std::string::npos;
  add_extension(certificate, NID_subject_alt_name, (numeric ? "IP:" : "DNS:") + host);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  if (X509_sign(certificate, key, EVP_sha256()) == 0) throw std::runtime_error("tls peer: sign");
  return certificate;
}

}  // namespace

TlsPeer::TlsPeer(const std::string& host, const std::filesystem::path& certificate_file,
                 bool is_proxy)
    : is_proxy_(is_proxy) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = make_certificate(key, host);
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  std::FILE* file = std::fopen(certificate_file.c_str(), "w");
  PEM_write_X509(file, certificate);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
  context_ = context;

  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("tls peer: cannot listen on loopback");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

TlsPeer::~TlsPeer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
  SSL_CTX_free(static_cast<SSL_CTX*>(context_));
}

std::string TlsPeer::connect_request() const {
  const std::scoped_lock lock(mutex_);
  return connect_request_;
}

bool TlsPeer::open_tunnel(int socket) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char byte;  // one at a time: what follows belongs to the handshake
    if (::recv(socket, &byte, 1, 0) != 1) return false;
    head += byte;
  }
  {
    const std::scoped_lock lock(mutex_);
    connect_request_ = head;
  }
  constexpr std::string_view kAnswer = "HTTP/1.1 200 Connection established\r\n\r\n";
  return ::send(socket, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(kAnswer.size());
}

void TlsPeer::serve() {
  int socket;
  while ((socket = ::accept(listener_, nullptr, nullptr)) >= 0) {
    if (is_proxy_ && !open_tunnel(socket)) {
      ::close(socket);
      continue;
    }
    SSL* ssl = SSL_new(static_cast<SSL_CTX*>(context_));
    SSL_set_fd(ssl, socket);
    char bytes[4096];
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, bytes, sizeof bytes) > 0) {
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecure";
      SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
      ++answered_;
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    ::close(socket);
  }
}

}  // namespace echo
