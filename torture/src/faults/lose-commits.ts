import { randomUUID } from 'node:crypto'
import type { Server } from '@commitcast/servers'
import { sleep } from '@commitcast/worker'
import { patiently } from '../patiently.ts'
import type { ReplyThief } from '../proxy/lose-replies.ts'
import type { Random } from '../random.ts'
import type { Writing } from '../start-writers.ts'
import { withClient } from '../with-client.ts'
import { appendNoted } from '../writer/append-noted.ts'

export interface Losing {
  readonly postgres: Server
  readonly databaseUrl: string
  readonly writing: Writing
  /** Sees the replies that put a batch into a projection's hands. */
  readonly inHand: ReplyThief
  /** Sees the replies to the consumers' commits. */
  readonly commits: ReplyThief
  /** Freezes everybody but the consumers for so long: their commits would flush the consumers', too. */
  readonly freezeOthers: (ms: number) => void
  /** Resolves when nothing is left to do; after a while at most. */
  readonly settled: () => Promise<void>
  readonly random: Random
}

const commitMs = 5_000
const nextMs = 60
const frozenMs = 1_500
const knowMs = 5
const appendMs = 10_000
const keys = 8
let last = 0

/**
 * Crashes a Postgres right after a consumer's commit, which does not wait for the disk, so that it is acknowledged and lost.
 * Everybody else rests meanwhile: their commits would take it along to the disk, and its worker would have more to do than
 * this one batch, and so find out at once. Says whether there was one.
 */
export async function loseCommits(losing: Losing): Promise<boolean> {
  const { postgres, writing, inHand, commits, freezeOthers, settled, random } = losing
  await writing.hold(true)
  try {
    await settled()
    const batch = inHand.keepNext(commitMs)
    await patiently(() => appendSome(losing.databaseUrl), { ms: appendMs })
    const inHands = await batch
    if (!inHands) return false
    freezeOthers(frozenMs)
    const first = commits.keepNext(commitMs)
    inHands.handOver()
    if (!(await passOn(first))) return false
    // One for each group and partition. Crashes amid them, or as soon as no more come.
    for (let rest = random.pick([random.int(0, 12), 40]); rest > 0 && (await passOn(commits.keepNext(nextMs))); rest--);
    await crash(postgres)
    await postgres.restart()
    return true
  } finally {
    await writing.hold(false)
  }
}

/** Hands a reply over, and lets the worker know that it has committed. Says whether there was one. */
async function passOn(kept: ReturnType<ReplyThief['keepNext']>): Promise<boolean> {
  const reply = await kept
  reply?.handOver()
  if (reply) await sleep(knowMs)
  return reply !== undefined
}

/** One event for each of some keys; none makes the projection append, whose pages would be flushed. */
async function appendSome(url: string): Promise<void> {
  last += last % 20 === 19 ? 2 : 1
  const events = Array.from({ length: keys }, (_, key) => ({
    ...{ id: randomUUID(), type: 'thing.happened', key: `lost-${key}` },
    data: { n: last },
  }))
  await withClient(url, async (client) => {
    await client.query('begin')
    await appendNoted(client, events)
    await client.query('commit')
  })
}

/** As when the power goes: all of its processes at once, so that nothing more reaches the disk. */
export async function crash(server: Server): Promise<void> {
  await server.pause()
  await server.kill()
}
