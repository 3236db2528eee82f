# One image for the bookshop's four processes: the command chooses which (docker-compose.yml).
# Any builder takes it, there is nothing of BuildKit in it. With a registry of your own:
#   docker build --build-arg NPM_CONFIG_REGISTRY=https://npm.example.com/ .
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS node
WORKDIR /app

# What an install reads and nothing else, so that a changed source leaves the installs below in the cache.
FROM node AS manifests
COPY . .
RUN find . -type f ! -name package.json ! -name 'pnpm-*.yaml' -delete && find . -type d -empty -delete

FROM node AS pnpm
ARG NPM_CONFIG_REGISTRY
COPY --from=manifests /app ./
RUN npm install --global "$(node -p "require('./package.json').packageManager")"

FROM pnpm AS pages
RUN pnpm install --frozen-lockfile --filter '@commitcast/web-app...'
COPY . .
RUN pnpm --filter @commitcast/web-app build

# Hoisted, because our packages take Kysely, pg, tRPC and NATS from the app that uses them (peer dependencies), and lie
# beside it here, not below its node_modules.
FROM pnpm AS dependencies
RUN pnpm install --frozen-lockfile --prod --no-optional --shamefully-hoist \
  --filter '@commitcast/api-app...' --filter '@commitcast/relay-app...' \
  --filter '@commitcast/stream-app...' --filter '@commitcast/web-app...'

FROM node
ENV NODE_ENV=production HOST=0.0.0.0 NODE_COMPILE_CACHE=/home/node/.cache/node
COPY --from=dependencies /app ./
COPY apps ./apps
COPY packages ./packages
COPY --from=pages /app/apps/web/dist ./apps/web/dist
USER node
# A process with a wrong configuration loads all its modules and ends with 2: that fills the compile cache, which halves
# the start, and shows here if a module is missing.
RUN for main in api/src relay/src stream/src web/server; do \
    PORT=none HEALTH_PORT=none node "apps/$main/main.ts" 2>/tmp/words; [ $? = 2 ] || { cat /tmp/words; exit 1; }; \
  done; rm /tmp/words
# A failed check leaves the process's own words in `docker inspect`.
HEALTHCHECK --interval=3s --timeout=3s --start-period=20s --retries=10 CMD ["node", "-e", \
  "fetch('http://127.0.0.1:' + (process.env.HEALTH_PORT || process.env.PORT || 3000) + '/health').then(async (answer) => { if (!answer.ok) throw await answer.text() }).catch((why) => { console.log(String(why.cause || why)); process.exit(1) })"]
CMD ["node", "apps/api/src/main.ts"]
