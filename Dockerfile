# Built by the classic builder, BuildKit and podman alike: nothing in here is an extension of one of them.

# A release passes both base images by digest.
ARG BUILD_IMAGE=node:26-trixie-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs26-debian13:nonroot

FROM ${RUNTIME_IMAGE} AS runtime

# Everything but the sources, so that a change in them does not install the packages again.
FROM ${BUILD_IMAGE} AS manifests
WORKDIR /app
COPY . .
RUN rm -rf src speed packages/*/src

FROM ${BUILD_IMAGE} AS build
WORKDIR /app
COPY --from=manifests /app ./
RUN npm ci
COPY . .
RUN npm run build

# >>> speed: the folder speed/ and the lines from here to the next such mark can be deleted.
# Starts of a bundle take a sixth of the CPU time. A program that a bundle cannot carry ships as the plain build, and a line
# says why. BUNDLE=yes makes that an error, BUNDLE=no does not try.
ARG BUNDLE=auto
# The Node that will run the program compiles it for V8's code cache.
COPY --from=runtime /nodejs /nodejs
RUN npm ci --prefix speed && /nodejs/bin/node speed/bundle.js --bundle=$BUNDLE && \
    if [ -d bundle ]; then \
      rm -rf dist node_modules packages && mv bundle dist && /nodejs/bin/node speed/trial.js dist/main.js; \
    fi
# <<< speed

# Leaves the built program, its production dependencies unless they are in the bundle, and other folders of the project.
RUN if [ -d node_modules ]; then npm prune --omit=dev; fi && \
    rm -rf src speed packages/*/src nest-cli.json build-if-stale.mjs package-lock.json tsconfig*.json .npmrc

FROM runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="port-binding-service" \
      org.opencontainers.image.description="A NestJS microservice that exports itself by port binding" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
# Owned by root, so that the service cannot write what is code.
COPY --from=build /app ./
ENV NODE_ENV=production REVISION=${REVISION}
# As a number, which Kubernetes needs to see that it is not root.
USER 65532:65532
EXPOSE 3000
# Two failed checks fit into the drain delay, so that a draining instance is seen as unhealthy. On a busy machine the start
# of the check alone takes seconds.
HEALTHCHECK --interval=2s --timeout=10s --start-period=10s --retries=2 CMD ["/nodejs/bin/node", "dist/probe/probe.js"]
# Arguments of the base image's entry point, Node itself: the program is PID 1 and gets the signals. V8 by itself lets its
# heap grow to 256 MB, even in a container of 128. Half of the memory leaves the other half to buffers and connections.
# Without the last option, SIGUSR1 opens the debugger's port. Node 20 knows neither option, so the package's scripts lack
# both.
CMD ["--enable-source-maps", "--max-old-space-size-percentage=50", "--disable-sigusr1", "dist/main.js"]
