import type pg from 'pg'

/** The offsets of a partition's events by the page log: the id at each place, the first one's being offset 1. */
export type GivenIds = readonly string[]

interface Row {
  readonly position: string
  readonly tx: string
  readonly id: string
}

interface PageRow {
  readonly term: string
  readonly first_offset: string
  readonly count: number
  readonly from_snapshot: string
  readonly to_snapshot: string
  readonly after_position: string
  readonly last_position: string
}

/** What the page log says, worked out here from plain rows: which event has which offset, and whose terms there were. */
export async function readPageLog(client: pg.ClientBase, partition: number): Promise<{ ids: GivenIds; terms: number }> {
  const { rows: events } = await client.query<Row>(
    'select position, tx::text, id from commitcast.outbox where partition = $1 order by position',
    [partition],
  )
  const { rows: pages } = await client.query<PageRow>(
    `select term, first_offset, count, from_snapshot::text, to_snapshot::text, after_position, last_position
     from commitcast.page where partition = $1 order by epoch, first_offset`,
    [partition],
  )
  const ids: string[] = []
  let next = 0
  let waiting: Row[] = []
  for (const page of pages) {
    if (Number(page.first_offset) !== ids.length + 1)
      throw new Error(`Partition ${partition}: a page begins at ${page.first_offset}, not at ${ids.length + 1}.`)
    while (next < events.length && BigInt(events[next]!.position) <= BigInt(page.last_position))
      waiting.push(events[next++]!)
    const isIn = memberOf(page)
    const given = waiting.filter(isIn)
    if (given.length !== page.count)
      throw new Error(
        `Partition ${partition}: the page at ${page.first_offset} says ${page.count}, has ${given.length}.`,
      )
    for (const { id } of given) ids.push(id)
    waiting = waiting.filter((row) => !isIn(row))
  }
  return { ids, terms: new Set(pages.map(({ term }) => term)).size }
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
