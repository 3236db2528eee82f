import { EpochEnded } from '../epoch/epoch-end.ts'
import { assignOffsets } from '../pages/assign-offsets.ts'
import type { AssignedPage } from '../pages/page.ts'
import type { NextDue } from '../schedule/next-due.ts'
import { type AdoptOptions, adopt } from './adopt.ts'
import type { RelayState } from './relay-state.ts'

export interface AssignOptions extends AdoptOptions {
  readonly serverStarted: string
  readonly nextDue: NextDue
  readonly maxPage?: number
}

/** What one call of the assigner did. */
export interface AssignResult {
  readonly found: number
  /** Whether more were committed before these offsets were assigned, so that no notification may come for them. */
  readonly mayBeMore: boolean
  /** Whether the database was asked for some partition, and answered. */
  readonly hasAsked: boolean
}

/** More than three gained nothing here; each is a connection of the pool. */
const busyGroups = 3

/**
 * Assigns offsets in the partitions that have room and hands their pages on; returns how many events there were. Under load groups
 * of partitions take turns: while the pages of one are read and sent here, the database works on those of the others.
 * Where there is no room it waits a moment for some.
 */
export function createAssigner(options: AssignOptions, state: RelayState): () => Promise<AssignResult> {
  const { sql, schema, topic, bell, serverStarted, nextDue, maxPage = 1_000 } = options
  const asked = new Map<
    number,
    Promise<{ readonly group: number; readonly hasAsked: boolean; readonly pages: readonly AssignedPage[] }>
  >()
  let groups = 1

  const ask = (group: number) => {
    const leases = state.held.filter(
      ({ partition }) => partition % groups === group && state.partitions.get(partition)?.relay.hasRoom,
    )
    const assigning =
      leases.length === 0
        ? Promise.resolve([])
        : assignOffsets(sql, { schema, leases, maxPage, serverStarted, nextDue })
    const answer = assigning.catch(whenAssignedTwice).then((pages) => ({ group, hasAsked: leases.length > 0, pages }))
    // A call that awaits it gets its failure; when the relay stops, no call may.
    answer.catch(() => {})
    asked.set(group, answer)
  }

  return async () => {
    await adopt(options, state)
    if (asked.size === 0) for (let group = 0; group < groups; group++) ask(group)
    const { group, hasAsked, pages } = await Promise.race(asked.values())
    asked.delete(group)
    const count = pages.reduce((sum, page) => sum + page.messages.length, 0)
    const isBusy = count >= maxPage
    if (isBusy && groups > 1) ask(group)
    else if (asked.size === 0) groups = isBusy ? busyGroups : 1
    for (const page of pages) {
      if (page.epoch !== topic.epoch) throw new EpochEnded(topic.epoch)
      state.partitions.get(page.partition)?.relay.add(page.messages)
    }
    const isFull = [...state.partitions.values()].some(({ relay }) => !relay.hasRoom && relay.trouble === undefined)
    if (count === 0 && isFull) await bell.wait(20)
    return {
      found: count,
      hasAsked,
      mayBeMore: isFull || asked.size > 0 || pages.some(({ isCut }) => isCut),
    }
  }
}

/** Two relays assigned the same offsets: the page of the other one is committed, this one was never there. Look again. */
function whenAssignedTwice(error: unknown): [] {
  if ((error as { code?: unknown }).code === '23505') return []
  throw error
}
