import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Envelope } from '@commitcast/events'
import { createOutageLog, type Logger, warningLogger } from '@commitcast/worker'
import { TRPCError } from '@trpc/server'
import { getHTTPStatusCodeFromError } from '@trpc/server/http'
import { isOurFault } from '../is-our-fault.ts'
import type { ResolverOptions, TrackedStream } from '../live-resolver.ts'
import { MovingAway } from '../moving-away.ts'
import { hasTokenInUrl } from '../token-in-url.ts'
import { createEventStream } from './event-stream.ts'
import type { LiveStreams } from './live-streams.ts'

export interface EventsEndpointOptions<TContext, TInput> {
  /** What the resolver gets as its input. What it throws is the client's fault, and answered with 400. */
  readonly input: (request: IncomingMessage) => TInput
  /** Who asks, by a cookie or a header. Throw a TRPCError UNAUTHORIZED to answer 401. */
  readonly ctx: (request: IncomingMessage) => TContext | Promise<TContext>
  /** Counts the streams of each user, and moves them at a deploy. Without it there is no limit. */
  readonly streams?: LiveStreams<TContext>
  readonly logger?: Logger
}

/**
 * Serves what `live.subscription` made as a plain `text/event-stream`, for `EventSource`, curl and other languages:
 * a handler for Node's HTTP server, Express and the like.
 *
 * Each message has the cursor as its `id`, the event's type (or `state`, `live`, `unreadable`, `checkpoint`, `resync`) as its name, and
 * plain JSON as its data. A client continues by `Last-Event-ID`, or `?lastEventId=` at its first connect, on any API node
 * (P6). One that takes nothing is waited for.
 *
 * A refusal is a status and a sentence, before the stream starts: 401, 403, 400 for a token in the URL, 405 for anything
 * but GET, 429 for one stream too many. A permission that is lost ends the stream; the client reconnects and gets the answer then.
 */
export function eventsEndpoint<TContext, TInput>(
  resolver: (call: ResolverOptions<TContext, TInput>) => TrackedStream<Envelope<unknown, unknown>>,
  options: EventsEndpointOptions<TContext, TInput>,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { streams, logger = warningLogger } = options
  const failures = createOutageLog({
    logger,
    code: 'EVENT_STREAM_FAILED',
    began: 'an event stream failed',
    ended: 'an event stream that failed works again',
  })
  return (request, response) => {
    const ending = new AbortController()
    const { signal } = ending
    response.once('close', () => ending.abort())
    response.on('error', () => ending.abort())
    const stream = createEventStream(response, signal)
    const moveOn = () => {
      stream.moveOn()
      ending.abort()
    }
    const serve = async () => {
      refuseUnlessReadable(request)
      const call = { ...(await callOf(request, options)), signal }
      if (signal.aborted) return
      const leave = streams?.enter(call.ctx, moveOn)
      signal.addEventListener('abort', () => leave?.(), { once: true })
      stream.beginLater()
      for await (const [cursor, envelope] of resolver(call)) await stream.send(cursor, envelope)
    }
    serve()
      .then(() => {
        stream.end()
        failures.ended()
      })
      .catch((error) => {
        if (error instanceof MovingAway) return stream.moveOn()
        if (isOurFault(error) && !signal.aborted) failures.failed(error)
        if (response.headersSent) stream.end()
        else refuse(response, error)
      })
      .finally(() => ending.abort())
  }
}

function refuseUnlessReadable({ method, url = '' }: IncomingMessage): void {
  if (method !== 'GET') throw new TRPCError({ code: 'METHOD_NOT_SUPPORTED', message: 'Read this stream with GET.' })
  if (hasTokenInUrl(url)) {
    throw new TRPCError({
      code: 'BAD_REQUEST',
      message: 'The URL carries a token, and URLs end up in logs. Send it as a cookie or a header.',
    })
  }
}

async function callOf<TContext, TInput>(request: IncomingMessage, options: EventsEndpointOptions<TContext, TInput>) {
  const lastEventId = lastEventIdOf(request)
  const input = inputOf(request, options.input)
  const ctx = await options.ctx(request)
  return { ctx, input, getRawInput: async () => ({ lastEventId }) }
}

function inputOf<TInput>(request: IncomingMessage, input: (request: IncomingMessage) => TInput): TInput {
  try {
    return input(request)
  } catch (error) {
    if (error instanceof TRPCError) throw error
    throw new TRPCError({ code: 'BAD_REQUEST', cause: error })
  }
}

/** The header is newer: `EventSource` keeps the URL that it began with. */
function lastEventIdOf({ headers, url = '' }: IncomingMessage): string | undefined {
  const fromHeader = headers['last-event-id']
  if (typeof fromHeader === 'string' && fromHeader !== '') return fromHeader
  const at = url.indexOf('?')
  return (at === -1 ? undefined : new URLSearchParams(url.slice(at)).get('lastEventId')) || undefined
}

function refuse(response: ServerResponse, error: unknown): void {
  const status = error instanceof TRPCError ? getHTTPStatusCodeFromError(error) : 500
  const words = error instanceof TRPCError && !isOurFault(error) ? error.message : 'Something went wrong. Try again.'
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    ...(status === 405 && { allow: 'GET' }),
  })
  response.end(`${words}\n`)
}
