import { expect, test } from 'vitest'
import { createLoader } from './loader.ts'

const { signal } = new AbortController()
const ids = (count: number) => Array.from({ length: count }, (_, n) => `id-${n}`)
const outage = () => Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })

/** A look-up that fails for some ids, and counts its calls. */
function createLookUp(isBad: (id: unknown) => boolean) {
  const lookUp = {
    calls: 0,
    isBad,
    async load(asked: readonly unknown[]) {
      lookUp.calls++
      if (asked.some(lookUp.isBad)) throw new Error(`bad id among ${asked.length}`)
      return new Map(asked.map((id) => [id, `value of ${id}`]))
    },
  }
  return lookUp
}

test('whichever ids are bad, exactly they fail, in a bounded number of calls', async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  let state = seed
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >> 8) % below
  }
  for (let run = 0; run < 300; run++) {
    const all = ids(2 + random(400))
    // Fewer than could all be the first to be tried.
    const bad = new Set(Array.from({ length: 1 + random(8) }, () => all[random(all.length)]))
    const lookUp = createLookUp((id) => bad.has(id as string))
    const loading = createLoader('customer', lookUp.load)(all, signal)
    const words = `SEED=${seed}, run ${run}`
    if (bad.size === all.length) {
      await expect(loading, words).rejects.toThrow(/fails for every id/)
      continue
    }
    const { found, failed } = await loading
    expect(new Set(failed.keys()), words).toEqual(bad)
    expect([...found.keys()].sort(), words).toEqual(all.filter((id) => !bad.has(id)).sort())
    expect(lookUp.calls, words).toBeLessThanOrEqual(17 + 2 * bad.size * (Math.log2(all.length) + 1))
  }
})

test('when nothing works any more, one id that worked before tells so in few calls', async () => {
  const lookUp = createLookUp(() => false)
  const load = createLoader('customer', lookUp.load)
  await load(['good'], signal)
  lookUp.isBad = () => true
  lookUp.calls = 0
  await expect(load(ids(500), signal)).rejects.toThrow(/The look-up of "customer" fails for every id: .*Fix it/)
  expect(lookUp.calls).toBe(18)
})

test('an id that comes alone is bad where the last good one still works', async () => {
  const lookUp = createLookUp((id) => id === 'bad' || id === 'worse')
  const load = createLoader('customer', lookUp.load)
  await load(['good'], signal)
  expect([...(await load(['bad'], signal)).failed.keys()]).toEqual(['bad'])
  expect([...(await load(['worse'], signal)).failed.keys()]).toEqual(['worse'])
  lookUp.isBad = () => true
  await expect(load(['another'], signal)).rejects.toThrow(/for every id/)
})

test('where nothing ever worked, the first id that comes alone is held to be bad, and a second one waits', async () => {
  const lookUp = createLookUp(() => true)
  const load = createLoader('customer', lookUp.load)
  expect((await load(['first'], signal)).failed.size).toBe(1)
  await expect(load(['second'], signal)).rejects.toThrow(/for every id/)
  await expect(load(['second'], signal)).rejects.toThrow(/for every id/)
  lookUp.isBad = (id) => id === 'third'
  expect((await load(['second'], signal)).found.get('second')).toBe('value of second')
  expect((await load(['third'], signal)).failed.size).toBe(1)
})

test('an outage is thrown at once, also amid the search for the bad id', async () => {
  let calls = 0
  const load = createLoader('customer', async () => {
    calls++
    throw outage()
  })
  await expect(load(ids(10), signal)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(calls).toBe(1)
  const later = createLoader('customer', async (asked) => {
    if (asked.includes('id-3')) throw asked.length > 2 ? new Error('bad') : outage()
    return new Map()
  })
  await expect(later(ids(10), signal)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a look-up that returns no Map is told, and one that throws at once is like one that rejects', async () => {
  const load = createLoader('book', async () => [] as never)
  await expect(load(['a', 'b'], signal)).rejects.toThrow(/"book" has to return a Map/)
  const throws = createLoader('book', () => {
    throw outage()
  })
  await expect(throws(['a'], signal)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a signal that has aborted before leaves no look-up behind that nobody waits for', async () => {
  const lookUp = createLookUp(() => true)
  const stopped = AbortSignal.abort(new Error('stopped'))
  await expect(createLoader('book', lookUp.load)(['a'], stopped)).rejects.toThrow('stopped')
  expect(lookUp.calls).toBe(0)
})

test('what hangs ends with the signal', async () => {
  const stopping = new AbortController()
  const loading = createLoader('book', () => new Promise(() => {}))(['a'], stopping.signal)
  stopping.abort(new Error('stopped'))
  await expect(loading).rejects.toThrow('stopped')
})
