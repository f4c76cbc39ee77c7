# A server for guests, as an ordinary user. Build: docker build -t understudy .
FROM swift:6.3-bookworm AS build
RUN apt-get update -q && apt-get install -q -y --no-install-recommends libuv1-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
COPY Fuzz Fuzz
RUN swift build -c release --static-swift-stdlib --product understudy \
    && swift build -c release --static-swift-stdlib --product understudy-worker \
    && install -D -s -t /out "$(swift build -c release --static-swift-stdlib --show-bin-path)"/understudy \
    && install -D -s -t /out "$(swift build -c release --static-swift-stdlib --show-bin-path)"/understudy-worker

FROM debian:bookworm-slim
RUN apt-get update -q && apt-get install -q -y --no-install-recommends libuv1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /run/understudy understudy \
    && install -d -o understudy -g understudy -m 0750 /run/understudy
COPY --from=build /out/ /usr/local/bin/
USER understudy
VOLUME /run/understudy
HEALTHCHECK --interval=30s --timeout=10s --start-period=5s \
    CMD ["understudy", "demo", "--connect", "unix:/run/understudy/gpu.sock", "--quick"]
ENTRYPOINT ["understudy"]
CMD ["serve", "--listen", "unix:/run/understudy/gpu.sock"]
