import type { AddressInfo } from 'node:net'
import { sleep } from 'commitcast/process'
import fastify, { type FastifyBaseLogger } from 'fastify'
import type { Logger } from 'pino'
import { proxyEvents } from './proxy-events.ts'
import { proxyToApi } from './proxy-to-api.ts'
import { servePages } from './serve-pages.ts'
import { trackConnections } from './track-connections.ts'

export interface ServerOptions {
  /** The folder of the built pages. */
  readonly pages: string
  /** Where the API is: `http://host:port`. */
  readonly api: string
  readonly port: number
  readonly host: string
  readonly logger: Logger
}

/** How long calls under way may take to end when the process stops. */
const drainMs = 500

/** Serves the pages, `/trpc` and `/events` on behalf of the API, over HTTP and WebSocket, and `GET /health`. */
export async function startServer({ pages, api, port, host, logger }: ServerOptions) {
  const troubles: FastifyBaseLogger = logger.child({}, { level: 'warn' })
  const app = fastify({ loggerInstance: troubles, forceCloseConnections: 'idle' })
  const connections = trackConnections(app.server)
  app.get('/health', () => ({ ready: true }))
  await proxyToApi(app, api)
  await proxyEvents(app, api)
  await servePages(app, pages)
  await app.listen({ port, host })
  return {
    port: (app.server.address() as AddressInfo).port,
    async close() {
      await Promise.race([app.close(), sleep(drainMs)])
      connections.destroy()
    },
  }
}
