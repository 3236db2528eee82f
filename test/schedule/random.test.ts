import { expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom, type Random, roundsOf } from '../fixtures/random.ts'
import {
  appended,
  type Database,
  fireText,
  openTransaction,
  reminder,
  schedule,
  unschedule,
  waiting,
} from './scheduled.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f']
const steps = 150

test.each(roundsOf(6))(
  'whatever is scheduled, replaced, cancelled and fired, in any order: round %i',
  async (round) => {
    const random = createRandom(process.env.SEED === undefined ? undefined : Number(process.env.SEED) + round - 1)
    await using database = await freshDatabase()
    await using story = await openStory(database, random)
    const replay = `SEED=${random.seed} npx vitest run test/schedule/random.test.ts`
    for (let step = 0; step < steps; step++) await story.step(`${replay}, step ${step}`)
    await story.end()
    expect(await appended(database), replay).toEqual(story.fired)
    expect((await waiting(database)).sort(), replay).toEqual(story.left())
  },
)

interface Row {
  readonly n: number
  readonly isDue: boolean
}

/** Three writers and a relay, each with a transaction that is open for some steps, and a model of what has to come of it. */
async function openStory(database: Database, random: Random) {
  await using opened = new AsyncDisposableStack()
  const open = async () => ({
    ...opened.use(await openTransaction(database)),
    changes: new Map<string, Row | undefined>(),
  })
  const writers = [await open(), await open(), await open()]
  const relay = await open()
  const committed = new Map<string, Row>()
  const fired: number[] = []
  let n = 0
  type Actor = typeof relay

  const holderOf = (name: string) => [...writers, relay].find(({ changes }) => changes.has(name))
  const isFree = (name: string, actor: Actor) => (holderOf(name) ?? actor) === actor
  const end = async (actor: Actor, how: 'commit' | 'rollback') => {
    await actor.client.query(`${how}; begin`)
    if (how === 'commit') {
      if (actor === relay) fired.push(...dueOf([...actor.changes.keys()]).map((name) => committed.get(name)!.n))
      for (const [name, row] of actor.changes) {
        if (row) committed.set(name, row)
        else committed.delete(name)
      }
    }
    actor.changes.clear()
  }
  const dueOf = (among: readonly string[]) =>
    among
      .filter((name) => committed.get(name)?.isDue)
      .sort((one, other) => committed.get(one)!.n - committed.get(other)!.n)

  const acts = {
    async schedule(context: string) {
      const [writer, name] = [random.pick(writers), random.pick(names)]
      if (!isFree(name, writer)) return
      const row = { n: ++n, isDue: random.chance(0.6) }
      const at = row.isDue ? new Date(0) : new Date(Date.now() + 3_600_000)
      expect(await schedule(writer.client, { name, at, event: reminder(row.n) }), context).toMatch(/^[0-9a-f-]{36}$/)
      writer.changes.set(name, row)
    },
    async cancel(context: string) {
      const [writer, name] = [random.pick(writers), random.pick(names)]
      if (!isFree(name, writer)) return
      const isThere = writer.changes.has(name) ? writer.changes.get(name) !== undefined : committed.has(name)
      expect(await unschedule(writer.client, name), context).toBe(isThere)
      if (isThere) writer.changes.set(name, undefined)
    },
    async end() {
      await end(random.pick([...writers, relay]), random.chance(0.7) ? 'commit' : 'rollback')
    },
    async fire(context: string) {
      const due = dueOf(names.filter((name) => holderOf(name) === undefined))
      const { rows } = await relay.client.query(fireText)
      expect(rows, context).toEqual([{ fired: due.length }])
      for (const name of due) relay.changes.set(name, undefined)
      if (random.chance(0.7)) await end(relay, 'commit')
    },
  }
  const disposing = opened.move()
  return {
    fired,
    left: () => [...committed].map(([name, { n }]) => `${name} ${n}`).sort(),
    step: (context: string) =>
      random.pick([acts.schedule, acts.schedule, acts.schedule, acts.cancel, acts.end, acts.end, acts.fire])(context),
    async end() {
      for (const actor of [...writers, relay]) await end(actor, 'commit')
    },
    [Symbol.asyncDispose]: () => disposing.disposeAsync(),
  }
}
