import { SubjectErased } from 'commitcast'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { createRandom } from '../fixtures/random.ts'
import { erased, followAll, openRunningShop } from './open-shop.ts'

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9))
const subjects = ['c1', 'c2', 'c3', 'c4', 'c5']

/** Two subjects of one event: the text is of one, the note of the other. */
interface Sent {
  readonly from: string
  readonly to: string
  readonly text: unknown
  readonly note: { readonly to: unknown }
}

test(`events, erasures and readers in any order leave what is erased unreadable and all else as it was (SEED=${seed})`, async () => {
  const random = createRandom(seed)
  await using shop = await openRunningShop()
  const gone = new Set<string>()
  const appended: Sent[] = []
  const expected = () =>
    appended.map((sent) => ({
      ...sent,
      ...(gone.has(sent.from) && { text: erased }),
      ...(gone.has(sent.to) && { note: { to: erased } }),
    }))
  for (let n = 0; n < 60; n++) {
    const [from, to] = [random.pick(subjects), random.pick(subjects)]
    if (random.chance(0.06)) {
      expect(await shop.cast.erase(from)).toBe(!gone.has(from))
      gone.add(from)
      continue
    }
    const data = { from, to, text: `text ${n} of ${from}`, note: { to: `note ${n} of ${to}` } }
    const appending = shop.db.transaction().execute(async (trx) => {
      await shop.cast.append(trx, { type: 'message.sent', key: 'same', data })
      if (random.chance(0.1)) throw new Error('taken back')
    })
    const failure = await appending.then(
      () => undefined,
      (error) => error,
    )
    const isRefused = gone.has(from) || gone.has(to)
    if (isRefused) expect(failure).toBeInstanceOf(SubjectErased)
    else if (failure) expect(failure.message).toBe('taken back')
    if (!failure) appended.push(data)
    if (random.chance(0.05)) {
      await using screen = followAll(shop.live)
      await eventually(() => expect(screen.data).toHaveLength(appended.length))
    }
  }
  await eventually(async () => {
    await using screen = followAll(shop.live)
    await eventually(() => expect(screen.data).toEqual(expected()), 1_000)
  })
  expect(shop.read.projection).toHaveLength(appended.length)
})
