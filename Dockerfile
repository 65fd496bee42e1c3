# syntax=docker/dockerfile:1
# Echo-TTS as RunPod (or any container host) runs it. From the repository's root:
#
#   docker build -t echo-tts .                                             # CUDA
#   docker build -t echo-tts:cpu --build-arg BUILD_BASE=ubuntu:24.04 .     # CPU alone
#
# The CUDA backend is built when the build image has the toolkit. The two images must be of the same
# distribution, since the second installs the libraries that the first linked. Debian 12 and 13
# (debian:bookworm-slim) do as well. For a reproducible build name images by digest and give
# APT_SNAPSHOT a date.
ARG BUILD_BASE=nvidia/cuda:12.8.1-cudnn-devel-ubuntu24.04
ARG RUNTIME_BASE=ubuntu:24.04

# ---- build ----------------------------------------------------------------------------------------
FROM ${BUILD_BASE} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# A day of the distribution's snapshot archive, e.g. 20260801T000000Z; empty: today's packages.
ARG APT_SNAPSHOT=
WORKDIR /src
COPY docker/package-sources docker/
COPY scripts/setup scripts/
RUN docker/package-sources "${APT_SNAPSHOT}" && scripts/setup --build ccache
# What .dockerignore lets through: sources and the scripts below.
COPY . .
# AUTO builds the CUDA module where the toolkit is, ON insists, OFF does not.
ARG ECHO_CUDA=AUTO
# Ampere, Ada, Hopper, Blackwell; the last also as code for what comes after it.
ARG ECHO_CUDA_ARCHITECTURES="80-real;86-real;89-real;90-real;100-real;120"
ENV LANG=C.UTF-8 CCACHE_BASEDIR=/src CCACHE_NOHASHDIR=1 CCACHE_DIR=/var/cache/ccache \
    CMAKE_CXX_COMPILER_LAUNCHER=ccache
RUN --mount=type=cache,target=/var/cache/ccache \
    cmake --preset release -DECHO_TESTS=OFF -DECHO_BENCHMARKS=OFF \
      -DECHO_CUDA="${ECHO_CUDA}" -DECHO_CUDA_ARCHITECTURES="${ECHO_CUDA_ARCHITECTURES}" && \
    cmake --build --preset release && \
    docker/stage build/release /stage

# ---- the program and the libraries it links ---------------------------------------------------------
FROM ${RUNTIME_BASE} AS program
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ARG APT_SNAPSHOT=
COPY --from=build /src/docker/package-sources /src/docker/install-runtime /stage/packages /tmp/setup/
RUN /tmp/setup/package-sources "${APT_SNAPSHOT}" && /tmp/setup/install-runtime /tmp/setup/packages && \
    rm -rf /tmp/setup
COPY --from=build /stage/root/ /
ENV PATH=/opt/echo-tts/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN echo /opt/echo-tts/lib >/etc/ld.so.conf.d/echo-tts.conf && ldconfig && echo-tts --version

# ---- weights, if they are to be baked in -------------------------------------------------------------
FROM program AS weights
# BAKE_WEIGHTS=true downloads both repositories into the image (7.5 GB more):
#   --build-arg BAKE_WEIGHTS=true [--secret id=hf_token,env=HF_TOKEN]
# The token is there while this step runs and in no layer.
ARG BAKE_WEIGHTS=
ARG ECHO_MODEL=
ARG ECHO_CODEC=
ARG HF_ENDPOINT=
COPY docker/bake-weights /tmp/
RUN --mount=type=secret,id=hf_token,required=false /tmp/bake-weights "${BAKE_WEIGHTS}" /model

# ---- the image ------------------------------------------------------------------------------------------
FROM program
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=
ARG RUNTIME_BASE
LABEL org.opencontainers.image.title="Echo-TTS, native" \
      org.opencontainers.image.description="Text and a reference voice become speech: a RunPod worker and HTTP server in C++" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.documentation="docs/deploy.md" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${RUNTIME_BASE}"
COPY --from=weights /model /opt/echo-tts/model
COPY docker/bootstrap.sh docker/healthcheck.sh /opt/echo-tts/
# Caches, voices and unsent speech live on the volume; bootstrap.sh uses /var/lib/echo-tts where there is
# none. The driver's libraries are brought in by the container runtime. With GOMP_SPINCOUNT here the
# program need not start itself anew to set it (apps/thread_waits.h).
ENV HF_HOME=/runpod-volume/huggingface-cache \
    HF_HUB_CACHE=/runpod-volume/huggingface-cache/hub \
    AUDIO_VOICES_DIR=/runpod-volume/echo-tts/audio_voices \
    OUTPUT_AUDIO_DIR=/runpod-volume/echo-tts/output_audio \
    GOMP_SPINCOUNT=2000 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /var/lib/echo-tts
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=6s --start-period=600s --retries=3 CMD ["/opt/echo-tts/healthcheck.sh"]
# Begins as root only to hand the volume over, which is mounted as root's; the worker and the first
# process run as echo-tts (10001). `--user 10001` works where the volume is writable already.
ENTRYPOINT ["/opt/echo-tts/bootstrap.sh"]
CMD []
