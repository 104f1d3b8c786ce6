# syntax=docker/dockerfile:1
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY migrations ./migrations
COPY benches ./benches
# its defaults are what `config` shows
COPY config ./config
RUN cargo build --locked --release --bin tcia-mirror

FROM debian:bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /srv/tcia tcia-mirror \
    && install --directory --owner=tcia-mirror --group=tcia-mirror /srv/tcia
COPY --from=build /build/target/release/tcia-mirror /usr/local/bin/tcia-mirror
# the number, by which a cluster sees that it is not root
USER 10001
ENV TCIA_MIRROR_ROOT=/srv/tcia
VOLUME /srv/tcia
EXPOSE 8042
# the record opens and can be read, or there is none yet: true of every command, also where nothing listens
HEALTHCHECK --interval=60s --timeout=30s CMD ["sh", "-c", "test ! -e \"$TCIA_MIRROR_ROOT/.tcia-mirror/state.sqlite\" || tcia-mirror --quiet --json status > /dev/null"]
ENTRYPOINT ["tcia-mirror"]
# docker run --stop-timeout must be longer than [jobs] grace
CMD ["daemon"]
