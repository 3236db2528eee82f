import { once } from 'node:events'
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { follow, type LiveProcedure } from '@commitcast/client'
import type { LiveEvent } from '@commitcast/events'
import { createSubscriptions, liveSockets, startHub } from '@commitcast/live'
import { silentLogger } from '@commitcast/worker'
import { createTRPCClient, createWSClient, httpSubscriptionLink, wsLink } from '@trpc/client'
import type { AnyTRPCRouter } from '@trpc/server'
import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { eventually } from '../fixtures/eventually.ts'
import { openTopic } from './live-node.ts'

/** Another copy of @trpc/server, as an application has that installs another version than ours. */
async function copyOfTRPC() {
  const folder = await mkdtemp(join(tmpdir(), 'trpc-'))
  const original = await realpath(fileURLToPath(new URL('../node_modules/@trpc/server', import.meta.url)))
  await cp(original, folder, { recursive: true })
  const load = (path: string) => import(pathToFileURL(join(folder, 'dist', path)).href)
  return {
    server: (await load('index.mjs')) as typeof import('@trpc/server'),
    http: (await load('adapters/standalone.mjs')) as typeof import('@trpc/server/adapters/standalone'),
    ws: (await load('adapters/ws.mjs')) as typeof import('@trpc/server/adapters/ws'),
    remove: () => rm(folder, { recursive: true }),
  }
}

test.each(['frames', 'plain', 'sse'] as const)(
  'where two copies of @trpc/server run in a process, a client is refused once, with the fix in the text (%s)',
  async (way) => {
    const copy = await copyOfTRPC()
    const stopping = new AbortController()
    const topic = await openTopic()
    const hub = await startHub({ topic: await topic.open(), signal: stopping.signal })
    const states = { read: () => Promise.reject(new Error('no state here')) }
    const live = createSubscriptions<LiveEvent, unknown>({ sharedHub: async () => hub, states, logger: silentLogger })
    let subscribed = 0
    const channels = () => {
      subscribed++
      return ['all']
    }
    const router = copy.server.initTRPC.create().router({
      follow: copy.server.initTRPC
        .create()
        .procedure.subscription(live.subscription({ channels, authorize: 'everyone' })),
    })
    const http = createServer(copy.http.createHTTPHandler({ router, basePath: '/trpc/' }))
    const wss = new WebSocketServer({ server: http, path: '/trpc' })
    copy.ws.applyWSSHandler(way === 'frames' ? liveSockets({ wss, router }) : { wss, router })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    const url = `127.0.0.1:${(http.address() as AddressInfo).port}/trpc`
    const socket = createWSClient({ url: `ws://${url}`, lazy: { enabled: true, closeMs: 0 } })
    const link =
      way === 'sse'
        ? httpSubscriptionLink<AnyTRPCRouter, typeof EventSource>({ url: `http://${url}` })
        : wsLink<AnyTRPCRouter>({ client: socket })
    const trpc = createTRPCClient<AnyTRPCRouter>({ links: [link] }) as unknown as { follow: LiveProcedure }

    const told: string[] = []
    follow(trpc.follow, undefined as never, {
      onStatus: (status) => told.push(status),
      onError: (error) => told.push(String(error)),
    })
    await eventually(() =>
      expect(told.slice(-2)).toEqual(['refused', expect.stringMatching(/two copies of @trpc\/server/)]),
    )
    // Its stream has ended on the server, too: nothing waits there, and nothing comes back.
    await eventually(() => expect(wss.clients.size).toBe(0))
    expect(subscribed).toBe(1)
    await socket.close()
    stopping.abort()
    wss.close()
    http.close()
    http.closeAllConnections()
    await hub.done
    await copy.remove()
  },
)
