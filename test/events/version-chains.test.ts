import { decodeEvent, defineEvents, type EventDefinitions, noteTypes } from '@commitcast/events'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createRandom, type Random } from '../fixtures/random.ts'

/** What can happen to data from one version to the next. */
const changes = [
  (data: Data, n: number): Data => ({ ...data, [`field${n}`]: n }),
  (data: Data, n: number): Data => ({ ...data, [`at${n}`]: new Date(n * 1_000) }),
  (data: Data, n: number): Data => ({ ...data, [`set${n}`]: new Set([n, new Date(n)]) }),
  ({ first, ...data }: Data, n: number): Data => ({ ...data, [`renamed${n}`]: first, first: n }),
  (data: Data, n: number): Data => ({ [`wrapped${n}`]: data, first: new Date(n) }),
]

type Data = Readonly<Record<string, unknown>>

/** The data of each version from 1 on, as its writer would have written it. */
function makeHistory(random: Random, versions: number) {
  const steps = Array.from({ length: versions - 1 }, (_, index) => {
    const change = random.pick(changes)
    return (data: Data) => change(data, index)
  })
  const history: Data[] = [{ first: random.int(0, 9), at: new Date(random.int(0, 1e12)) }]
  for (const step of steps) history.push(step(history.at(-1)!))
  return { steps, history }
}

const { seed } = createRandom()

test(`whatever version an event has, any later catalogue makes of it what its own writer would have written (SEED=${seed})`, () => {
  const random = createRandom(seed)
  for (let round = 0; round < 300; round++) {
    const { steps, history } = makeHistory(random, random.int(1, 9))
    const [from, to] = [random.int(1, history.length), random.int(1, history.length)].sort((a, b) => a - b)
    const upcast = Object.fromEntries(steps.slice(0, to! - 1).map((step, index) => [index + 1, step]))
    const definitions: EventDefinitions = { a: { data: z.unknown(), version: to!, upcast } }
    const event = wired(history[from! - 1], from!)
    const read = defineEvents(definitions).upcast(event)
    expect(read.data, `seed ${seed}, round ${round}, from ${from} to ${to}`).toEqual(history[to! - 1])
    expect(read.headers.schemaVersion ?? 1).toBe(to)
    expect(read === event).toBe(from === to)
    expect(event.data).toEqual(history[from! - 1])
  }
})

/** An event of this version as readers decode it. */
function wired(data: unknown, version: number) {
  const { json, notes } = noteTypes(data)
  const headers = { ...(version > 1 && { version: String(version) }), ...(notes && { notes: JSON.stringify(notes) }) }
  const envelope = { offset: 1, id: 'id', type: 'a', key: 'k', time: '', tx: '1' }
  return decodeEvent({ ...envelope, headers, body: JSON.stringify(json) }, { epoch: 1, partition: 0 })
}
