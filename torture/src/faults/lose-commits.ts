import type { Server } from '@commitcast/servers'
import { sleep } from '@commitcast/worker'
import type { Child } from '../child.ts'
import type { ReplyThief } from '../proxy/lose-replies.ts'
import type { Random } from '../random.ts'

export interface Losing {
  readonly postgres: Server
  readonly writers: readonly Child[]
  /** Sees the replies to the consumers' commits. */
  readonly commits: ReplyThief
  readonly random: Random
}

const firstMs = 3_000
const nextMs = 120
const frozenMs = 1_500

/**
 * Crashes a Postgres right after commits of consumers, which do not wait for the disk, so that they are acknowledged and lost.
 * Writers are frozen meanwhile: their commits would take those along to the disk. Says whether there were any.
 */
export async function loseCommits({ postgres, writers, commits, random }: Losing): Promise<boolean> {
  const first = await commits.keepNext(firstMs)
  first?.handOver()
  if (!first) return false
  const thawed = Promise.all(writers.map((writer) => writer.pause(frozenMs)))
  await lastCommit(commits, random)
  await crash(postgres)
  await thawed
  await postgres.restart()
  return true
}

/** Resolves right after one of the next commits, at the latest when a while passes without one: then workers have nothing to do. */
async function lastCommit(commits: ReplyThief, random: Random): Promise<void> {
  for (const end = Date.now() + frozenMs / 2; Date.now() < end; ) {
    const reply = await commits.keepNext(nextMs)
    if (!reply) return
    reply.handOver()
    // Long enough for the worker to know that it has committed.
    await sleep(random.int(0, 20))
    if (random.chance(0.2)) return
  }
}

/** As when the power goes: all of its processes at once, so that nothing more reaches the disk. */
export async function crash(server: Server): Promise<void> {
  await server.pause()
  await server.kill()
}
