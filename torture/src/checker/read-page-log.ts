import type pg from 'pg'
import type { Found } from './broker-log.ts'

/** The offsets of a partition's events in an epoch by the page log: the id at each place, the first one's being offset 1. */
export type AssignedIds = readonly string[]

export interface PartitionLogs {
  readonly partition: number
  /** What is stored of ours, by epoch: what an epoch assigned behind that is assigned again in a later one. */
  readonly logs: readonly (readonly Found[])[]
}

interface Row {
  readonly position: string
  readonly tx: string
  readonly id: string
}

interface PageRow {
  readonly epoch: number
  readonly term: string
  readonly first_offset: string
  readonly count: number
  readonly from_snapshot: string
  readonly to_snapshot: string
  readonly after_position: string
  readonly last_position: string
}

/** What the page log says, worked out here from plain rows: which event has which offset, and whose terms there were. */
export async function readPageLog(
  client: pg.ClientBase,
  { partition, logs }: PartitionLogs,
): Promise<{ readonly assigned: readonly AssignedIds[]; readonly terms: number }> {
  const { rows: events } = await client.query<Row>(
    'select position, tx::text, id from commitcast.outbox where partition = $1 order by position',
    [partition],
  )
  const { rows: pages } = await client.query<PageRow>(
    `select epoch, term, first_offset, count, from_snapshot::text, to_snapshot::text, after_position, last_position
     from commitcast.page where partition = $1 order by epoch, first_offset`,
    [partition],
  )
  const done = new Set<string>()
  const assigned = logs.map((log, index) => {
    const own = pages.filter(({ epoch }) => epoch === index + 1)
    const ids = assignedBy(
      own,
      events.filter(({ id }) => !done.has(id)),
      partition,
    )
    for (const { id } of log) done.add(id)
    return ids
  })
  return { assigned, terms: new Set(pages.map(({ term }) => term)).size }
}

/** Which of the events the pages of one epoch assign offsets to. The page at offset 0 stands for what came before. */
function assignedBy(pages: readonly PageRow[], events: readonly Row[], partition: number): AssignedIds {
  const ids: string[] = []
  let next = 0
  let waiting: Row[] = []
  for (const page of pages.filter(({ first_offset }) => first_offset !== '0')) {
    const place = `Epoch ${page.epoch}, partition ${partition}`
    if (Number(page.first_offset) !== ids.length + 1)
      throw new Error(`${place}: a page begins at ${page.first_offset}, not at ${ids.length + 1}.`)
    while (next < events.length && BigInt(events[next]!.position) <= BigInt(page.last_position))
      waiting.push(events[next++]!)
    const isIn = memberOf(page)
    const found = waiting.filter(isIn)
    if (found.length !== page.count)
      throw new Error(`${place}: the page at ${page.first_offset} says ${page.count}, has ${found.length}.`)
    for (const { id } of found) ids.push(id)
    waiting = waiting.filter((row) => !isIn(row))
  }
  return ids
}

function memberOf(page: PageRow): (row: Row) => boolean {
  const isOld = visibleIn(page.from_snapshot)
  const isDone = visibleIn(page.to_snapshot)
  const [after, last] = [BigInt(page.after_position), BigInt(page.last_position)]
  return ({ position, tx }) => {
    const at = BigInt(position)
    return at > after && at <= last && !isOld(tx) && isDone(tx)
  }
}

/** Postgres's rule of visibility for a snapshot `xmin:xmax:xip,…`. */
function visibleIn(snapshot: string): (tx: string) => boolean {
  const [xmin = '', xmax = '', running = ''] = snapshot.split(':')
  const [low, high] = [BigInt(xmin), BigInt(xmax)]
  const listed = new Set(running.split(','))
  return (tx) => {
    const id = BigInt(tx)
    return id < low || (id < high && !listed.has(tx))
  }
}
