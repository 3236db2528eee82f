import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** What a browser may send in one WebSocket message; the API takes no more. */
const maxMessageBytes = 256 * 1024
/** How much may wait for a browser that reads slowly. */
const maxWaitingBytes = 4 * 1024 * 1024

/** How long the API may take to show that it is there. */
const answerMs = 2_000

/**
 * Passes `/trpc` on to the API. While the API is away a call gets 502, a WebSocket 503, and open WebSockets are closed:
 * the browser reconnects with its cursor.
 */
export async function proxyToApi(app: FastifyInstance, api: string): Promise<void> {
  await app.register(httpProxy, {
    upstream: api,
    prefix: '/trpc',
    rewritePrefix: '/trpc',
    replyOptions: {
      onError: (reply) => reply.code(502).send({ error: 'The API does not answer.' }),
    },
    websocket: true,
    // The proxy accepts a WebSocket before it has reached the API, and a tRPC client whose socket closes right after it
    // opened may give its subscription up for good.
    async preHandler(request, reply) {
      if (request.headers.upgrade === undefined || (await answers(api))) return
      return reply.code(503).send({ error: 'The API does not answer.' })
    },
    wsServerOptions: { maxPayload: maxMessageBytes },
    wsClientOptions: towardsApi,
    wsHooks: {
      onConnect(_context, browser, upstream) {
        // The client left while the API was being called; nothing else would close the call.
        if (browser.readyState !== browser.OPEN) upstream.terminate()
      },
      onOutgoingMessage(_context, browser) {
        if (browser.bufferedAmount > maxWaitingBytes) browser.terminate()
      },
    },
  })
}

/** What the API knows a browser by: its cookie, and whose page it shows. */
function forwarded(headers: Headers, { headers: own, host }: FastifyRequest): Headers {
  const { cookie, origin, 'x-forwarded-host': before } = own
  const hosts = before === undefined ? host : `${before}, ${host}`
  return { ...headers, ...(cookie && { cookie }), ...(origin && { origin }), 'x-forwarded-host': hosts }
}

type Headers = Record<string, string | string[] | undefined>

/** Apart, because the proxy's types don't know what its manual says of `rewriteRequestHeaders`. */
const towardsApi = { handshakeTimeout: 5_000, rewriteRequestHeaders: forwarded }

function answers(api: string): Promise<boolean> {
  const answer = fetch(`${api}/health`, { method: 'HEAD', signal: AbortSignal.timeout(answerMs) })
  return answer.then(
    () => true,
    () => false,
  )
}
