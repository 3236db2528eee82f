import type { Server } from '@commitcast/servers'
import { type Child, startChild } from '../child/start-child.ts'
import type { StoredStreams } from '../relay/stored-streams.ts'
import type { Sample } from '../timed.ts'
import type { Backlog } from './backlog.ts'
import { checkEnriched } from './check-enriched.ts'
import { liveStreams, type Place } from './contender.ts'
import type { EnrichRow } from './enrich-rows.ts'

/** One row on its way through the rounds: its process. */
export interface EnrichLane extends AsyncDisposable {
  readonly row: EnrichRow
  /** Makes all of the backlog anew, from an empty live topic and empty tables. */
  carry(): Promise<Sample>
}

export interface LaneOptions {
  readonly postgres: Server
  readonly nats: Server
  readonly streams: StoredStreams
  readonly backlog: Backlog
}

let runs = 0

export function openEnrichLane(row: EnrichRow, options: LaneOptions): EnrichLane {
  const { backlog, nats, streams } = options
  const { outbox, app, events } = backlog
  const child: Child = startChild('enrich/contender-process.ts', row.name)
  return {
    row,
    async carry() {
      await streams.remove(liveStreams(backlog))
      await outbox.pool.query('truncate order_count')
      const place: Place = { databaseUrl: outbox.url, natsUrl: nats.url, app, events, run: ++runs }
      const sample = await child.ask<Sample>('carry', place)
      const made = row.makes === 'counts' ? await countOrders(backlog) : await streams.count(liveStreams(backlog))
      if (made !== events) throw new Error(`${row.name} says that it made ${events} events; there are ${made}.`)
      if (row.makes === 'enriched') await checkEnriched(nats.url, backlog)
      return sample
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  }
}

async function countOrders({ outbox }: Backlog): Promise<number> {
  const { rows } = await outbox.pool.query<{ sum: string }>('select coalesce(sum(orders), 0) as sum from order_count')
  return Number(rows[0]?.sum)
}
