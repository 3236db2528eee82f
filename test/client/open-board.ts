import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryBroker } from '@commitcast/broker/memory'
import { commandLink, liveConnection } from '@commitcast/client'
import { liveSockets } from '@commitcast/live'
import { sqlOf } from '@commitcast/outbox'
import { silentLogger } from '@commitcast/worker'
import {
  createTRPCClient,
  createWSClient,
  httpLink,
  httpSubscriptionLink,
  splitLink,
  type TRPCLink,
  wsLink,
} from '@trpc/client'
import { TRPCError } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { createCommitcast } from 'commitcast'
import superjson from 'superjson'
import { WebSocketServer } from 'ws'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { type BoardRouter, boardRouter, defineBoardLive, events } from './board-router.ts'

/** A board of notes with its workers, served by tRPC over HTTP, SSE and WebSocket, and clients of it as a page has them. */
export async function openBoard() {
  const database = await freshDatabase({ partitions: 3 })
  await database.sql.query('create table note (id text primary key, text text not null, number serial)')
  const cast = createCommitcast({
    app: 'board',
    events,
    db: database.db,
    broker: memoryBroker(),
    listenTo: database.url,
    logger: silentLogger,
  })
  const live = defineBoardLive(cast)
  const stopping = new AbortController()
  const running = cast.run({ roles: ['relay', 'stream'], use: [live], signal: stopping.signal })
  let refusal: TRPCError['code'] | undefined
  let asked = 0
  const mayFollow = () => {
    asked++
    if (refusal) throw new TRPCError({ code: refusal })
    return true
  }
  const router = boardRouter({ db: database.db, cast, live, mayFollow })
  const answer = createHTTPHandler({ router, basePath: '/trpc/' })
  const http = createServer(answer)
  const sockets = new WebSocketServer({ server: http })
  applyWSSHandler(liveSockets({ wss: sockets, router }))
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(http.address() as AddressInfo).port}`
  const closing: (() => void)[] = []
  const cut = () => {
    http.closeAllConnections()
    for (const socket of sockets.clients) socket.terminate()
  }
  const subscriptionLink = (over: 'WebSocket' | 'SSE'): TRPCLink<BoardRouter> => {
    if (over === 'SSE') return httpSubscriptionLink({ url: `http://${address}/trpc`, transformer: superjson })
    const retryDelayMs = () => Math.random() * 50
    const socket = createWSClient(liveConnection({ url: `ws://${address}`, retryDelayMs }))
    closing.push(() => socket.close())
    return wsLink({ client: socket, transformer: superjson })
  }
  return {
    address,
    cut,
    /** How often somebody asked whether they may follow. */
    asked: () => asked,
    /** From now on subscriptions are answered with this error; with none they are taken. */
    refuse(code?: TRPCError['code']) {
      refusal = code
    },
    client: (over: 'WebSocket' | 'SSE') =>
      createTRPCClient<BoardRouter>({
        links: [
          commandLink(),
          splitLink({
            condition: ({ type }) => type === 'subscription',
            true: subscriptionLink(over),
            false: httpLink({ url: `http://${address}/trpc`, transformer: superjson }),
          }),
        ],
      }),
    /** Adds notes in a transaction of their own. */
    async add(notes: readonly { readonly key: string; readonly text: string }[]) {
      const at = new Date()
      await database.db.transaction().execute(async (trx) => {
        const texts = notes.map(({ text }) => text)
        await sqlOf(trx).query('insert into note (id, text) select t, t from unnest($1::text[]) as t', [texts])
        await cast.append(
          trx,
          notes.map(({ key, text }) => ({ type: 'note.added' as const, key, data: { text, at } })),
        )
      })
    },
    async [Symbol.asyncDispose]() {
      for (const close of closing) close()
      cut()
      sockets.close()
      http.close()
      stopping.abort()
      await running
      await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

export type BoardClient = ReturnType<Awaited<ReturnType<typeof openBoard>>['client']>
