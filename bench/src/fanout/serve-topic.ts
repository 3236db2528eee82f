import type { Topic } from '@commitcast/broker'
import type { LiveEvent } from '@commitcast/events'
import { createSubscriptions, type Hub, startHub } from '@commitcast/live'
import { silentLogger } from '@commitcast/worker'
import { initTRPC } from '@trpc/server'
import superjson from 'superjson'
import { startRouterServer } from './router-server.ts'
import { channel } from './sample-live.ts'

/** Serves `follow`, the sample events of a live topic, by a hub with defaults, with superjson. */
export async function serveTopic(topic: Topic) {
  const { hub, count } = countFollowers(await startHub({ topic, signal: new AbortController().signal }))
  const t = initTRPC.create({ transformer: superjson })
  const live = createSubscriptions<LiveEvent, unknown>({
    sharedHub: async () => hub,
    states: { read: () => Promise.reject(new Error('Nobody asks for a state here.')) },
    logger: silentLogger,
  })
  const router = t.router({
    follow: t.procedure.subscription(live.subscription({ channels: () => [channel], authorize: 'everyone' })),
  })
  return { port: await startRouterServer(router, { isLive: true }), followers: count }
}

function countFollowers(started: Hub) {
  let followers = 0
  const hub: Hub = Object.create(started, {
    attach: {
      value(...args: Parameters<Hub['attach']>) {
        const detach = started.attach(...args)
        followers++
        return () => {
          followers--
          detach()
        }
      },
    },
  })
  return { hub, count: () => followers }
}
