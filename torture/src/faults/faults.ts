import { sleep } from '@commitcast/worker'
import type { Child } from '../child.ts'
import type { Crew, CrewRole } from '../crew.ts'
import type { Edge } from '../edge.ts'
import { patiently } from '../patiently.ts'
import { cutMidChunk } from '../proxy/cut-mid-chunk.ts'
import type { ReplyThief } from '../proxy/lose-replies.ts'
import type { Random } from '../random.ts'
import type { ServerClock } from '../server-clock.ts'
import type { Servers } from '../start-servers.ts'
import type { Writing } from '../start-writers.ts'
import type { Webhook } from '../webhook.ts'
import { failOver } from './fail-over.ts'
import { forbidWrites } from './forbid-writes.ts'
import { lockTable } from './lock-table.ts'
import { loseCommits } from './lose-commits.ts'
import { loseTail } from './lose-tail.ts'
import { beginEpoch } from './operator.ts'
import type { FaultKind } from './plan-faults.ts'
import { poison } from './poison.ts'
import { publishStray } from './publish-stray.ts'
import { terminateBackends } from './terminate-backends.ts'

/** What faults happen to. */
export interface Scene {
  readonly servers: Servers
  readonly crews: readonly Crew[]
  readonly app: string
  readonly leaseTtlMs: number
  readonly writing: Writing
  /** With stream. */
  readonly webhook?: Webhook
  /** With live. */
  readonly edge?: Edge
  /** A folder for copies. */
  readonly folder: string
  /** Resolves when nothing is left to do; after a while at most. */
  settled(): Promise<void>
  /** How often relays have found that a partition has diverged. */
  stoodStill(): number
  /** How many messages the broker has; undefined in an outage. */
  stored(): Promise<number | undefined>
}

const replyMs = 4_000
const outageMs = 30_000
/** Relays take a moment to notice that the server is another one. */
const noticeMs = 3_000
const insistMs = 4_000
/** What the purchases' groups can't do without. */
const purchaseTables = ['torture.account', 'commitcast.process_instance', 'commitcast.scheduled_event']
/** How long a server keeps a connection that fell silent. */
const serverMs = 10_000
/** Seconds. */
const clockOffsets = [-3_600, 3_600, 40 * 86_400]
/** How long processes take to see that their clock was moved. */
const clockMs = 1_500

/** Each kind of fault: does it and says how many times it happened. */
export function createFaults(scene: Scene, random: Random): Record<FaultKind, () => Promise<number>> {
  const { app, servers, crews, writing, leaseTtlMs, folder, webhook, edge } = scene
  const someOf = async (role: CrewRole, act: (worker: Child, crew: Crew) => Promise<unknown>) => {
    const crew = crews.find((each) => each.role === role)
    const workers = crew?.awake() ?? []
    if (!crew || workers.length === 0) return 0
    await act(random.pick(workers), crew)
    return 1
  }
  const wait = async (crew: Crew, thief: ReplyThief | undefined, chance: number) => {
    const reply = random.chance(chance) ? await thief?.keepNext(replyMs) : undefined
    setTimeout(() => reply?.handOver(), 500)
    return crew.awake().find(({ pid }) => pid === reply?.pid)
  }
  const killed = (role: CrewRole) => () =>
    someOf(role, async (worker, crew) => {
      const waiting = await wait(crew, crew.lines.almostDone, 0.75)
      await crew.replace(waiting ?? worker, random.int(0, 500))
    })
  const stopped = (role: CrewRole) => () => someOf(role, (worker, crew) => crew.relieve(worker))
  // Long enough for another to take over, so that it wakes as a zombie: mostly with work that it was just given, which
  // the other has done meanwhile.
  const paused = (role: CrewRole) => () =>
    someOf(role, async (worker, crew) => {
      const waiting = await wait(crew, crew.lines.inHand, 0.75)
      await (waiting ?? worker).pause(leaseTtlMs + random.int(600, 1_500))
    })
  const locked = (table: string) =>
    insist(async () => ((await lockTable(servers.databaseUrl, table, random.int(2_000, 7_000))) ? 1 : 0))
  const moveClock = async (clock: ServerClock | undefined) => {
    if (!clock) return 0
    try {
      await clock.set(random.pick(clockOffsets))
      await sleep(random.int(3_000, 6_000))
    } finally {
      await clock.set(0)
    }
    await sleep(clockMs)
    return 1
  }
  const kill = async (server: Servers['postgres']) => {
    await server.kill()
    await sleep(random.int(0, 400))
    await server.restart()
    return 1
  }
  return {
    relayKilled: killed('relay'),
    relayPaused: paused('relay'),
    streamKilled: killed('stream'),
    streamPaused: paused('stream'),
    streamStopped: stopped('stream'),
    projectKilled: killed('project'),
    projectPaused: paused('project'),
    projectStopped: stopped('project'),
    purchaseKilled: killed('purchase'),
    purchasePaused: paused('purchase'),
    purchaseStopped: stopped('purchase'),
    apiKilled: () => insist(killed('api')),
    apiPaused: paused('api'),
    apiDrained: () => insist(stopped('api')),
    async clientsPaused() {
      if (!edge) return 0
      await random.pick(edge.clients).pause(random.int(1_000, 4_000))
      return 1
    },
    async clientLinesCut() {
      const cut = random.shuffled([...(edge?.balancer.lines ?? [])]).slice(0, random.int(1, 12))
      for (const line of cut) line.cut()
      return cut.length
    },
    brokerKilled: () => kill(servers.brokerServer),
    postgresKilled: () => kill(servers.postgres),
    async consumerCommitsLost() {
      const { inHand, commits } = crews.find(({ role }) => role === 'project')?.lines ?? {}
      if (!inHand || !commits) return 0
      const { postgres, databaseUrl } = servers
      const others = crews.filter(({ role }) => role !== 'project')
      const freezeOthers = (ms: number) => {
        for (const worker of others.flatMap((crew) => crew.awake())) void worker.pause(ms)
      }
      const { settled } = scene
      const losing = { postgres, databaseUrl, writing, inHand, commits, freezeOthers, settled, random }
      return (await loseCommits(losing)) ? 1 : 0
    },
    async writesForbidden() {
      await forbidWrites(servers.postgres.url, random.int(2_000, 4_000))
      return 1
    },
    async failedOver() {
      await failOver(servers.postgres, { followMs: random.int(500, 2_000), lagMs: random.int(300, 1_200) })
      await sleep(noticeMs)
      await beginEpoch(servers)
      return 1
    },
    async strayPublished() {
      const before = scene.stoodStill()
      await patiently(() => publishStray(servers, app), { ms: outageMs })
      // What was assigned behind the stray before a relay finds it stays off the topic for ever, as the manual says.
      for (const end = Date.now() + outageMs; scene.stoodStill() === before && Date.now() < end; await sleep(100));
      await beginEpoch(servers)
      return 1
    },
    poisoned: () => patiently(() => poison(servers.databaseUrl, random), { ms: outageMs }),
    tableLocked: () => locked('torture.chain'),
    purchasesLocked: () => locked(random.pick(purchaseTables)),
    async webhookFailed() {
      await webhook?.fail(random.int(2_000, 7_000), random.pick(['at once', 'slowly']))
      return webhook ? 1 : 0
    },
    async brokerTailLost() {
      return (await loseTail(servers.brokerServer, { folder, random, stored: scene.stored })) ? 1 : 0
    },
    connectionsCut: () =>
      insist(async () => {
        const { role, lines } = random.pick(crews)
        const kind = random.int(0, 3)
        if (kind === 0) return terminateBackends(servers.postgres.url, role, random)
        const open = [...(kind === 1 ? lines.database : lines.broker).lines]
        if (open.length === 0) return 0
        await cutMidChunk(open, random)
        return 1
      }),
    connectionsSilenced: () =>
      insist(async () => {
        const { lines } = random.pick(crews)
        const open = random.shuffled([...random.pick([lines.database, lines.broker]).lines]).slice(0, random.int(1, 3))
        for (const line of open) line.silence(serverMs)
        return open.length
      }),
    clockMoved: () => moveClock(servers.clock),
    hostClockMoved: () => moveClock(crews.find(({ clock }) => clock)?.clock),
    async repliesLost() {
      return (await random.pick(random.pick(crews).lines.thieves).loseNext(replyMs)) ? 1 : 0
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
