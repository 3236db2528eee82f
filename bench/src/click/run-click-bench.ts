import type { BenchOptions } from '../main.ts'
import { followers, rows } from './click-rows.ts'
import { hopsOf, type Moments } from './hops.ts'
import { openPipeline } from './open-pipeline.ts'

/**
 * How long after the reply to COMMIT an event is in the state of a client that follows it, and where the time goes. Relay,
 * stream worker and API, with defaults, over JetStream and Postgres, and 100 clients in one more process. First each client
 * has a channel of its own, and each of 500 events a second goes to one of them, by turns: these are the figures. Then all
 * follow one channel, and each of 50 events a second goes to all.
 */
export async function runClickBench({ quick, rounds = quick ? 1 : 5, onLine }: BenchOptions) {
  await using pipeline = await openPipeline()
  onLine(`${pipeline.origin}; ${followers} clients`)
  const measured = []
  for (const { name, eventsPerSecond: perSecond, channelOf, audience } of rows) {
    await pipeline.follow(Array.from({ length: followers }, (_, n) => channelOf(n)))
    // Untimed: compiled code, warm caches.
    await pipeline.commit({ perSecond, seconds: quick ? 1 : 5 }, audience)
    const slices: (readonly Moments[])[] = []
    for (let round = 0; round < rounds; round++) {
      slices.push(await pipeline.commit({ perSecond, seconds: quick ? 1 : 5 }, audience))
      onLine(`round ${round + 1}, ${name}: ${JSON.stringify(hopsOf(slices.slice(-1)))}`)
    }
    measured.push({ name, eventsPerSecond: perSecond, ...hopsOf(slices) })
  }
  const { p50Ms, p99Ms, hops } = measured[0]!
  return { bench: 'click' as const, rows: measured.map(flat), p50Ms, p99Ms, hops }
}

/** A row for people: the hops' medians beside the whole. */
function flat({ hops, ...row }: { readonly hops: ReturnType<typeof hopsOf>['hops'] }) {
  return { ...row, ...Object.fromEntries(Object.entries(hops).map(([name, { p50Ms }]) => [name, p50Ms])) }
}
