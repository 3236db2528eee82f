import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance } from 'fastify'

/**
 * Passes `/events`, streams for `EventSource`, on to the API. While the API is away the stream is empty and ends at once:
 * the browser reconnects with its cursor. After an error status it would not reconnect.
 */
export async function proxyEvents(app: FastifyInstance, api: string): Promise<void> {
  await app.register(httpProxy, {
    upstream: api,
    prefix: '/events',
    rewritePrefix: '/events',
    httpMethods: ['GET'],
    // Each stream holds a connection for as long it runs, and would take those of calls.
    undici: { connections: null },
    replyOptions: {
      onError: (reply) =>
        reply.code(200).type('text/event-stream').header('cache-control', 'no-store').send(`retry: ${retryMs()}\n\n`),
    },
  })
}

/** When browsers reconnect: not all at the same moment. */
function retryMs(): number {
  return Math.round(1_000 + Math.random() * 2_000)
}
