import { type Child, startChild } from '../child/start-child.ts'
import { poll } from '../poll.ts'
import type { ConnectRequest } from './clients-process.ts'
import { contenders } from './contenders.ts'
import type { FanoutRow } from './fanout-rows.ts'
import type { Held } from './held-bytes.ts'
import type { ServerConfig } from './server-process.ts'

/** One row on its way through the rounds: its server process. */
export interface FanoutLane extends AsyncDisposable {
  readonly row: FanoutRow
  /** Connects the clients, tells the events, and disconnects them. */
  tell(clients: number): Promise<FanoutSample>
}

export interface FanoutSample {
  /** Of the server process, for one event at one client. */
  readonly cpuMicros: number
  /** What the server holds for a client to whom nothing was told yet. */
  readonly bytesPerFollower: number
  readonly rssPerFollower: number
}

const patienceMs = 30_000

export function openFanoutLane(row: FanoutRow, browser: Child): FanoutLane {
  const { contender, size, flow } = row
  const config: ServerConfig = { contender, size }
  const server = startChild('fanout/server-process.ts', config)
  return {
    row,
    async tell(clients) {
      const before = await server.ask<Held>('held')
      const port = await server.ask<number>('port')
      const request: ConnectRequest = { wire: contenders[contender].wire, port, clients }
      await browser.ask('connect', request)
      await untilFollowed(server, clients)
      const after = await server.ask<Held>('held')
      // The first time untimed: compiled code, warm caches.
      for (const times of [1, 2]) {
        await server.ask('publish', flow)
        await browser.ask('received', times * flow.events)
      }
      const cpuSeconds = await server.ask<number>('cpuSeconds')
      await browser.ask('disconnect')
      await untilFollowed(server, 0)
      return {
        cpuMicros: (cpuSeconds * 1e6) / (clients * flow.events),
        bytesPerFollower: (after.bytes - before.bytes) / clients,
        rssPerFollower: (after.rssBytes - before.rssBytes) / clients,
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

async function untilFollowed(server: Child, clients: number): Promise<void> {
  await poll(() => server.ask<number>('followers'), {
    isDone: (followers) => followers === clients,
    everyMs: 20,
    patienceMs,
    late: (followers) => `the server has ${followers} of ${clients} followers.`,
  })
}
