import { sleep } from '@commitcast/worker'
import type { Child } from '../child.ts'
import { cutMidChunk } from '../proxy/cut-mid-chunk.ts'
import type { Random } from '../random.ts'
import type { RelayCrew } from '../relay-crew.ts'
import type { Servers } from '../start-servers.ts'
import { loseTail } from './lose-tail.ts'
import type { FaultKind } from './plan-faults.ts'
import { terminateBackends } from './terminate-backends.ts'

/** What faults happen to. */
export interface Scene {
  readonly servers: Servers
  readonly crew: RelayCrew
  readonly leaseTtlMs: number
  /** A folder for copies. */
  readonly folder: string
  /** How many messages the broker has; undefined in an outage. */
  stored(): Promise<number | undefined>
}

const replyMs = 4_000
const insistMs = 4_000

/** Each kind of fault: does it and says how many times it happened. */
export function createFaults(scene: Scene, random: Random): Record<FaultKind, () => Promise<number>> {
  const { servers, crew, leaseTtlMs, folder } = scene
  const someRelay = async (act: (relay: Child) => Promise<unknown>) => {
    const relays = crew.awake()
    if (relays.length === 0) return 0
    await act(random.pick(relays))
    return 1
  }
  const kill = async (server: Servers['postgres']) => {
    await server.kill()
    await sleep(random.int(0, 400))
    await server.restart()
    return 1
  }
  return {
    relayKilled: () => someRelay((relay) => crew.replace(relay, random.int(0, 500))),
    // Long enough for another to take over, so that it wakes as a zombie: every other time with a page that it was
    // just given, which the other has sent meanwhile.
    relayPaused: async () => {
      const reply = random.chance(0.5) ? await servers.pages.keepNext(replyMs) : undefined
      const waiting = crew.awake().find((relay) => relay.pid === reply?.pid)
      const times = await someRelay((relay) => {
        const paused = (waiting ?? relay).pause(leaseTtlMs + random.int(600, 1_500))
        setTimeout(() => reply?.handOver(), 500)
        return paused
      })
      if (times === 0) reply?.handOver()
      return times
    },
    brokerKilled: () => kill(servers.brokerServer),
    postgresKilled: () => kill(servers.postgres),
    async brokerTailLost() {
      return (await loseTail(servers.brokerServer, { folder, random, stored: scene.stored })) ? 1 : 0
    },
    connectionsCut: () =>
      insist(async () => {
        const kind = random.int(0, 3)
        if (kind === 0) return terminateBackends(servers.postgres.url, random)
        const lines = [...(kind === 1 ? servers.databaseProxy : servers.brokerProxy).lines]
        if (lines.length === 0) return 0
        await cutMidChunk(lines, random)
        return 1
      }),
    async repliesLost() {
      return (await random.pick(servers.thieves).loseNext(replyMs)) ? 1 : 0
    },
  }
}

/** Tries again for a while where there is nobody to do it to, in an outage for example. */
async function insist(act: () => Promise<number>): Promise<number> {
  for (const end = Date.now() + insistMs; ; ) {
    const times = await act()
    if (times > 0 || Date.now() > end) return times
    await sleep(100)
  }
}
