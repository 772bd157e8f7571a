# The sidecar as an image: `npm ci && npm run build && docker build -t debugtap .` (docs/sidecar.md)
#
# Rules
# - One base for both stages, by its full version; give its digest to pin it to the byte:
#     --build-arg NODE_IMAGE=docker.io/library/node:24.11.1-bookworm-slim@sha256:…
# - Packages are those of package-lock.json; nothing of the build stage but them is in the image.
# - It runs as any user, with a root that cannot be written: only /traces and /tmp are.
ARG NODE_IMAGE=docker.io/library/node:24.11.1-bookworm-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /opt/debugtap
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="debugtap" \
      org.opencontainers.image.description="Debug relay and recorder beside the services of a container or pod" \
      org.opencontainers.image.licenses="MIT"
# Numbers, for a user without a name; a home in /tmp, for a root that cannot be written.
ENV NODE_ENV=production \
    HOME=/tmp \
    DEBUGTAP_TRACE_DIR=/traces
WORKDIR /opt/debugtap
COPY --from=packages /opt/debugtap/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY dist ./dist
# Whoever it runs as may write: what is recorded there is for its owner's eyes alone all the same.
RUN mkdir -m 1777 /traces
VOLUME /traces
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "/opt/debugtap/bin/debugtap.js", "sidecar", "--check"]
ENTRYPOINT ["node", "/opt/debugtap/bin/debugtap.js"]
CMD ["sidecar"]
