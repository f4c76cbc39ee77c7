# A server for guests, as an ordinary user. Build: docker build -t understudy .
# Run: docker run -v gpu:/run/understudy understudy; guests connect to gpu.sock in that volume (docs/operations.md).
FROM swift:6.3-bookworm AS build
WORKDIR /source
COPY scripts/install-dependencies scripts/
RUN scripts/install-dependencies && rm -rf /var/lib/apt/lists/*
COPY . .
RUN swift build -c release --static-swift-stdlib --product understudy \
    && swift build -c release --static-swift-stdlib --product understudy-worker \
    && programs=$(swift build -c release --static-swift-stdlib --show-bin-path) \
    && install -D -s -t /out "$programs/understudy" "$programs/understudy-worker"

FROM debian:bookworm-slim
RUN apt-get update -q && apt-get install -q -y --no-install-recommends libuv1 libyaml-0-2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /run/understudy understudy \
    && install -d -o understudy -g understudy -m 0750 /run/understudy
COPY --from=build /out/ /usr/local/bin/
USER understudy
VOLUME /run/understudy
HEALTHCHECK --interval=30s --timeout=10s --start-period=5s \
    CMD ["understudy", "demo", "--connect", "unix:/run/understudy/gpu.sock", "--quick"]
ENTRYPOINT ["understudy"]
CMD ["serve", "--listen", "unix:/run/understudy/gpu.sock"]
