import { createOutageLog, errorText, type Health, type Partitions, sleep } from '@commitcast/worker'
import type { Group } from '../../groups/group.ts'
import { readGroupOffset } from '../../groups/group-offset.ts'
import { type GroupTask, type GroupWork, type RunGroupContext, runGroup } from '../../groups/run-group.ts'
import type { WorkItem } from '../../groups/work-item.ts'
import type { Gate } from './gate.ts'
import { type InTransaction, inShadow } from './in-shadow.ts'
import { listRebuilds, type Rebuild } from './list-rebuilds.ts'
import { makeShadow } from './make-shadow.ts'
import { mayTry, type Switched, switchOver } from './switch-over.ts'

export interface RunRebuildOptions<TTransaction> {
  /** The live group. */
  readonly group: Group
  readonly tables: readonly string[]
  readonly place: RunGroupContext
  readonly transaction: InTransaction<TTransaction>
  /** What the live group's transactions here go through. */
  readonly gate: Gate
  /** The group's own work, with other transactions. */
  readonly workIn: (transaction: InTransaction<TTransaction>) => GroupWork
}

const idleMs = 2_000
const busyMs = 500
const tailMs = 50

/**
 * Whenever somebody asked for a rebuild, takes part in building a projection's shadow, never beyond what the live group has
 * done, and switches over when it has caught up. All of its state is in Postgres: workers may come and go.
 */
export function runRebuild<TTransaction>(options: RunRebuildOptions<TTransaction>): Partitions {
  const { group, tables, place, transaction, gate } = options
  const { sql, schema, signal, logger } = place
  let shadow: Shadow | undefined
  let held: string | undefined
  let noted: string | undefined
  const outages = createOutageLog({
    ...{ logger, about: { code: 'REBUILD_WAITS', group: group.name } },
    began: 'rebuild waits',
    ended: 'rebuild continues',
  })
  const switches = createOutageLog({
    ...{ logger, about: { code: 'REBUILD_SWITCH_FAILED', group: group.name } },
    began: 'could not switch to the rebuilt tables; retrying',
    ended: 'rebuild can switch again',
  })

  const stop = async () => {
    shadow?.stopping.abort()
    await shadow?.partitions.done
    shadow = undefined
    held = undefined
    noted = undefined
  }
  const look = async () => {
    const [rebuild] = await listRebuilds(sql, { schema, group: group.name })
    if (shadow && shadow.id !== rebuild?.id) {
      await stop()
      await sql.query(`select ${schema}.delete_shadow_groups($1)`, [group.name])
    }
    if (!rebuild) return
    // Also a second time: a crash may have lost the first.
    if (!rebuild.tables) await transaction((_, sql) => makeShadow(sql, { schema, id: rebuild.id, tables }))
    shadow ??= startShadow(rebuild, options)
    if (await mayTry(sql, schema, rebuild)) held = await trySwitch(rebuild)
  }
  const switchIn = async (id: string) => {
    let switched: Switched | undefined
    await transaction(async (_, sql) => {
      switched = await switchOver(sql, { schema, id, signal })
    })
    return switched
  }
  /** Returns what holds it up. */
  const trySwitch = async ({ id }: Rebuild): Promise<string | undefined> => {
    try {
      // Transactions that wait for the switch would keep the pool's connections from the shadow.
      const switched = await gate.whileClosed(() => switchIn(id), { patienceMs: 1_000, signal })
      switches.ended()
      if (switched) logger.info({ group: group.name, ...switched }, 'switched to the rebuilt tables')
      return undefined
    } catch (error) {
      switches.failed(error)
      return explain(error)
    }
  }
  const note = async (waitingFor: string | undefined) => {
    if (waitingFor === noted) return
    noted = waitingFor
    await sql.query(
      `update ${schema}.rebuild set waiting_for = $2 where id = (
         select id from ${schema}.rebuild where group_name = $1 for update skip locked)`,
      [group.name, waitingFor === undefined ? null : errorText(waitingFor)],
    )
  }
  const done = (async () => {
    while (!signal.aborted) {
      try {
        await look()
        await note(shadow && (troubleOf(shadow.partitions.health()) ?? held))
        outages.ended()
      } catch (error) {
        outages.failed(error)
        await note(errorText(error)).catch(() => {})
      }
      await sleep(shadow ? busyMs : idleMs, signal)
    }
    await stop()
  })()
  return { done, health: () => shadow?.partitions.health() ?? { ready: true } }
}

interface Shadow {
  readonly id: string
  readonly stopping: AbortController
  readonly partitions: Partitions
}

function startShadow<TTransaction>(
  { id, shadowGroup, shadowSchema }: Rebuild,
  { group, place, transaction, workIn }: RunRebuildOptions<TTransaction>,
): Shadow {
  const stopping = new AbortController()
  const signal = AbortSignal.any([place.signal, stopping.signal])
  const work = workIn(inShadow(transaction, { schema: place.schema, id, shadowSchema }))
  const partitions = runGroup({
    ...place,
    signal,
    group: { ...group, name: shadowGroup },
    types: place.catalogTypes,
    work: { ...work, carry: (items, task) => carryBehind(items, task, { live: group.name, carry: work.carry }) },
  })
  return { id, stopping, partitions }
}

/** Only what the live group has committed: what it has yet to do it has yet to tell. */
async function carryBehind(
  items: readonly WorkItem[],
  task: GroupTask,
  { live, carry }: { live: string; carry: GroupWork['carry'] },
): Promise<void> {
  const { sql, at, signal } = task
  for (let rest = items; rest.length > 0 && !signal.aborted; ) {
    const { epoch, offset } = await readGroupOffset(sql, { ...at, group: live })
    const ready = rest.filter((item) => item.epoch < epoch || (item.epoch === epoch && item.message.offset <= offset))
    if (ready.length > 0) await carry(ready, task)
    else {
      task.busy('the live group to commit')
      await sleep(tailMs, signal)
    }
    rest = rest.slice(ready.length)
  }
}

function troubleOf(health: Health): string | undefined {
  return Object.values((health.troubles as Record<number, string> | undefined) ?? {})[0]
}

function explain(error: unknown): string {
  if ((error as { code?: unknown }).code !== '55P03') return errorText(error)
  return 'The switch waits for a transaction that has written to its tables, or locked rows there, and is still open.'
}
