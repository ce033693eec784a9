# Built by the classic builder, BuildKit and podman alike: nothing in here is an extension of one of them.
# A release passes both base images by digest.
ARG BUILD_IMAGE=node:26-trixie-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs26-debian13:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /app
# What the packages depend on comes first: a change in src does not install them again.
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY speed speed
COPY src src
RUN npm run build

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="port-binding-service" \
      org.opencontainers.image.description="A NestJS microservice that exports itself by port binding" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
COPY LICENSE ./
COPY --from=build /app/package.json ./
COPY --from=build /app/dist dist
ENV NODE_ENV=production REVISION=${REVISION}
# What V8 compiles of the program until its first answers is kept for every later start: by the Node that will run it, and
# as root, so that the service cannot write what is code.
USER 0
RUN ["/nodejs/bin/node", "dist/fill.js"]
# As a number, which is what Kubernetes needs to see that it is not root.
USER 65532:65532
EXPOSE 3000
# Two failed checks fit into the drain delay, so that a draining instance is seen as unhealthy. On a busy machine the start
# of the check alone takes seconds.
HEALTHCHECK --interval=2s --timeout=10s --start-period=10s --retries=2 CMD ["/nodejs/bin/node", "dist/probe.js"]
# Arguments of the base image's entry point, Node itself: the program is PID 1 and gets the signals. V8 by itself lets its
# heap grow to 256 MB, even in a container of 128: half of what there is leaves the other half to the program, buffers
# and connections. Without the last option SIGUSR1 opens the debugger's port. Node 20 knows neither that nor a percentage,
# so the package's scripts lack them.
CMD ["--enable-source-maps", "--max-old-space-size-percentage=50", "--disable-sigusr1", "dist/main.js"]
