import { createOutageLog, errorText, type Health, type OutageLog, type Partitions, sleep } from '@commitcast/worker'
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
  readonly context: RunGroupContext
  readonly transaction: InTransaction<TTransaction>
  /** What the live group's transactions here go through. */
  readonly gate: Gate
  /** The group's own work, with other transactions. */
  readonly workIn: (transaction: InTransaction<TTransaction>) => GroupWork
}

const idleMs = 2_000
const busyMs = 500
const tailMs = 50

/** What a worker knows of its part in a rebuild. */
interface RebuildState {
  /** The group that fills the shadow here. */
  shadow: Shadow | undefined
  /** What held up the last attempt to switch. */
  held: string | undefined
  /** What the column `waiting_for` has from this worker. */
  noted: string | undefined
}

interface Running<TTransaction> extends RunRebuildOptions<TTransaction> {
  readonly state: RebuildState
  /** Logs attempts to switch that fail. */
  readonly switches: OutageLog
}

/**
 * Where a rebuild was requested, takes part in building a projection's shadow, never beyond what the live group has
 * done, and switches over when it has caught up. All of its state is in Postgres: workers may come and go.
 */
export function runRebuild<TTransaction>(options: RunRebuildOptions<TTransaction>): Partitions {
  const { group, context } = options
  const { signal, logger } = context
  const state: RebuildState = { shadow: undefined, held: undefined, noted: undefined }
  const outages = createOutageLog({
    ...{ logger, code: 'REBUILD_WAITS', about: { group: group.name } },
    began: 'rebuild waits',
    ended: 'rebuild continues',
  })
  const switches = createOutageLog({
    ...{ logger, code: 'REBUILD_SWITCH_FAILED', about: { group: group.name } },
    began: 'could not switch to the rebuilt tables; retrying',
    ended: 'rebuild can switch again',
  })
  const running = { ...options, state, switches }
  const done = (async () => {
    while (!signal.aborted) {
      try {
        await look(running)
        await note(running, state.shadow && (troubleOf(state.shadow.partitions.health()) ?? state.held))
        outages.ended()
      } catch (error) {
        outages.failed(error)
        await note(running, errorText(error)).catch(() => {})
      }
      await sleep(state.shadow ? busyMs : idleMs, signal)
    }
    await stop(state)
  })()
  return { done, health: () => state.shadow?.partitions.health() ?? { ready: true } }
}

/** Begins, continues or ends this worker's part, by what the table of rebuilds says now. */
async function look<TTransaction>(running: Running<TTransaction>): Promise<void> {
  const { state, group, tables, context, transaction } = running
  const { sql, schema } = context
  const [rebuild] = await listRebuilds(sql, { schema, group: group.name })
  if (state.shadow && state.shadow.id !== rebuild?.id) {
    await stop(state)
    await sql.query(`select ${schema}.delete_shadow_groups($1)`, [group.name])
  }
  if (!rebuild) return
  // Also a second time: a crash may have lost the first.
  if (!rebuild.tables) await transaction((_, sql) => makeShadow(sql, { schema, id: rebuild.id, tables }))
  state.shadow ??= startShadow(rebuild, running)
  if (await mayTry(sql, schema, rebuild)) state.held = await trySwitch(running, rebuild)
}

async function stop(state: RebuildState): Promise<void> {
  state.shadow?.stopping.abort()
  await state.shadow?.partitions.done
  state.shadow = undefined
  state.held = undefined
  state.noted = undefined
}

/** Returns what holds it up. */
async function trySwitch<TTransaction>(running: Running<TTransaction>, { id }: Rebuild): Promise<string | undefined> {
  const { group, gate, switches, context, transaction } = running
  const { schema, signal, logger } = context
  const switchNow = async () => {
    let switched: Switched | undefined
    await transaction(async (_, sql) => {
      switched = await switchOver(sql, { schema, id, signal })
    })
    return switched
  }
  try {
    // Transactions that wait for the switch would keep the pool's connections from the shadow.
    const switched = await gate.whileClosed(switchNow, { patienceMs: 1_000, signal })
    switches.ended()
    if (switched) logger.info({ group: group.name, ...switched }, 'switched to the rebuilt tables')
    return undefined
  } catch (error) {
    switches.failed(error)
    return explain(error)
  }
}

/** Writes what the rebuild waits for into its row, where that changed. */
async function note<TTransaction>({ state, group, context }: Running<TTransaction>, waitingFor: string | undefined) {
  if (waitingFor === state.noted) return
  state.noted = waitingFor
  await context.sql.query(
    `update ${context.schema}.rebuild set waiting_for = $2 where id = (
       select id from ${context.schema}.rebuild where group_name = $1 for update skip locked)`,
    [group.name, waitingFor === undefined ? null : errorText(waitingFor)],
  )
}

interface Shadow {
  readonly id: string
  readonly stopping: AbortController
  readonly partitions: Partitions
}

function startShadow<TTransaction>(
  { id, shadowGroup, shadowSchema }: Rebuild,
  { group, context, transaction, workIn }: RunRebuildOptions<TTransaction>,
): Shadow {
  const stopping = new AbortController()
  const signal = AbortSignal.any([context.signal, stopping.signal])
  const work = workIn(inShadow(transaction, { schema: context.schema, id, shadowSchema }))
  const partitions = runGroup({
    ...context,
    signal,
    group: { ...group, name: shadowGroup },
    types: context.catalogTypes,
    work: { ...work, carry: (items, task) => carryBehind(items, task, { live: group.name, carry: work.carry }) },
  })
  return { id, stopping, partitions }
}

/** Only what the live group has committed. */
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
