# Built by the classic builder, BuildKit and podman alike: nothing in here is an extension of one of them.

FROM node:26-trixie-slim AS build
WORKDIR /app
# What the packages depend on comes first: a change in src does not install them again.
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY nest-cli.json tsconfig.json rspack.config.js defer-date-format.js ./
COPY src src
RUN npm run build
# Node keeps the compiled code of what runs until the first answer, for every later start: one folder for each user.
RUN mkdir cache && chown 65532 cache
USER 65532
RUN export PORT=0 NODE_COMPILE_CACHE=/app/cache && \
    { node --enable-source-maps --min-semi-space-size=8 dist/main.js & } && \
    until node dist/probe.js; do kill -0 $! || exit 1; done && \
    kill -INT $! && wait $! && \
    chmod -R a+rX cache/*

FROM gcr.io/distroless/nodejs26-debian13:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="port-binding-service" \
      org.opencontainers.image.description="A NestJS microservice that exports itself by port binding" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/dist dist
COPY --from=build /app/cache cache
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/cache
# As a number, which is what Kubernetes needs to see that it is not root.
USER 65532:65532
EXPOSE 3000
# Two failed checks fit into the drain delay, so that a draining instance is seen as unhealthy.
HEALTHCHECK --interval=2s --timeout=2s --start-period=10s --retries=2 CMD ["/nodejs/bin/node", "dist/probe.js"]
# Arguments of the base image's entry point, Node itself: the program is PID 1 and gets the signals. V8 by itself lets its
# heap grow to 256 MB, even in a container of 128: half of what there is leaves the other half to the program, buffers
# and connections. With 8 MB for young objects, in place of half a one, it has next to no garbage to collect before the
# first answer. Without the last option SIGUSR1 opens the debugger's port. Node 20 knows neither that nor a percentage,
# so the package's scripts lack them.
CMD ["--enable-source-maps", "--max-old-space-size-percentage=50", "--min-semi-space-size=8", "--disable-sigusr1", \
     "dist/main.js"]
