import { Diverged, endOf } from '@commitcast/broker'
import { readEpochEnd } from '../epoch/epoch-end.ts'
import { compareTail } from './find-end.ts'
import type { LogOf } from './partition-of.ts'
import { maxInFlight } from './partition-publisher.ts'

/**
 * The last offset before the first that holds something else than was assigned there; `undefined` where nothing differs. It
 * looks back until all that may have been in flight at one time is ours: no relay appends more behind another's message.
 */
export async function lastOfOurs(of: LogOf): Promise<number | undefined> {
  const { sql, schema, topic, partition } = of
  const assigned = await readEpochEnd(sql, { schema, epoch: topic.epoch, partition })
  const end = await orDivergedAt(() => endOf(topic, partition))
  let isDiverged = end.isDiverged || end.offset > assigned
  let ours = Math.min(end.offset, assigned)
  while (ours >= (await topic.first(partition))) {
    const to = ours
    const found = await orDivergedAt(async () => {
      await compareTail(of, to, maxInFlight)
      return to
    })
    if (!found.isDiverged) break
    isDiverged = true
    ours = found.offset
  }
  return isDiverged ? ours : undefined
}

/** What `look` returns, or the offset before the one that it says has diverged. */
async function orDivergedAt(look: () => Promise<number>): Promise<{ offset: number; isDiverged: boolean }> {
  try {
    return { offset: await look(), isDiverged: false }
  } catch (error) {
    if (!(error instanceof Diverged) || error.offset === undefined) throw error
    return { offset: error.offset - 1, isDiverged: true }
  }
}
