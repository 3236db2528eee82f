import { createOutageLog, silentLogger } from '@commitcast/worker'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Task } from '../hub/run-queue.ts'
import type { AccessLoss } from './access-lost.ts'
import type { Allowed } from './authorize.ts'
import { openPermission, type RevocationSource } from './open-permission.ts'

const silentOutages = createOutageLog({ logger: silentLogger, began: '', ended: '' })

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A hub that rings when it is told to. */
function createBells() {
  const tasks = new Map<string, Set<Task>>()
  const source: RevocationSource = {
    attach(channels, task) {
      for (const channel of channels) tasks.set(channel, (tasks.get(channel) ?? new Set()).add(task))
      return () => {
        for (const channel of channels) tasks.get(channel)?.delete(task)
      }
    },
  }
  const ring = async (channel: string) => {
    for (const task of tasks.get(channel) ?? []) task.step()
    await vi.advanceTimersByTimeAsync(0)
  }
  const attached = () => [...tasks.values()].reduce((sum, set) => sum + set.size, 0)
  return { source, ring, attached }
}

/** Asks for a permission that `answers` gives one after the other, the last one again and again. */
async function ask(answers: readonly (() => Allowed | Promise<Allowed>)[], hub = createBells()) {
  const lost: AccessLoss[] = []
  const leaving = new AbortController()
  const history = { asked: 0 }
  const permission = await openPermission({
    definition: {
      authorize: () => answers[Math.min(history.asked++, answers.length - 1)]!(),
      revokedBy: () => ['access:7'],
    },
    call: { ctx: {}, input: {} },
    hub: hub.source,
    signal: leaving.signal,
    onLost: (loss) => lost.push(loss),
    outages: silentOutages,
    failures: silentOutages,
  })
  return { permission, lost, history, hub, leave: () => leaving.abort() }
}

const inMs = (ms: number) => () => new Date(Date.now() + ms)
const never = () => new Promise<Allowed>(() => {})

test('yes is for as long as nobody takes it away', async () => {
  const { lost, history, hub } = await ask([() => true])
  await vi.advanceTimersByTimeAsync(1e9)
  await hub.ring('access:7')
  expect({ lost, ...history }).toEqual({ lost: [], asked: 2 })
})

test('no is FORBIDDEN, a moment that has passed is UNAUTHORIZED, and neither stays attached', async () => {
  const hub = createBells()
  await expect(ask([() => false], hub)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  await expect(ask([inMs(0)], hub)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  await expect(ask([() => ({ until: new Date(5) })], hub)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  expect(hub.attached()).toBe(0)
})

test('an invalid date and an error of authorize are told to the client', async () => {
  await expect(ask([() => new Date('soon')])).rejects.toThrow('invalid Date')
  await expect(ask([() => Promise.reject(new Error('of its own'))])).rejects.toThrow('of its own')
})

test('it is asked again when its time is over, and goes on with the new answer', async () => {
  const { lost, history } = await ask([inMs(60_000), () => ({ until: inMs(60_000)() }), () => true])
  await vi.advanceTimersByTimeAsync(59_000)
  expect(history.asked).toBe(1)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(history.asked).toBe(2)
  await vi.advanceTimersByTimeAsync(1e6)
  expect({ lost, ...history }).toEqual({ lost: [], asked: 3 })
})

test('it expires when the same token is all that there is', async () => {
  const end = new Date(Date.now() + 1_000)
  const { lost, hub } = await ask([() => end])
  await vi.advanceTimersByTimeAsync(2_000)
  expect(lost).toEqual(['expired'])
  expect(hub.attached()).toBe(0)
})

test('an event on a channel of revocations has it asked again; no ends it once', async () => {
  const { lost, hub } = await ask([() => true, () => false])
  await hub.ring('access:8')
  expect(lost).toEqual([])
  await hub.ring('access:7')
  await hub.ring('access:7')
  expect(lost).toEqual(['revoked'])
})

test('a revocation during the first question is not missed', async () => {
  const hub = createBells()
  let answer: (allowed: boolean) => void = () => {}
  const asking = ask([() => new Promise<boolean>((resolve) => (answer = resolve)), () => false], hub)
  await vi.advanceTimersByTimeAsync(0)
  await hub.ring('access:7')
  answer(true)
  await expect(asking).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('a revocation during a later question is asked about once more', async () => {
  let answer: (allowed: boolean) => void = () => {}
  const { lost, hub } = await ask([
    () => true,
    () => new Promise<boolean>((resolve) => (answer = resolve)),
    () => false,
  ])
  await hub.ring('access:7')
  await hub.ring('access:7')
  answer(true)
  await vi.advanceTimersByTimeAsync(0)
  expect(lost).toEqual(['revoked'])
})

test('who cannot be asked again within five seconds, or fails, has lost it', async () => {
  const silent = await ask([() => true, never])
  await silent.hub.ring('access:7')
  await vi.advanceTimersByTimeAsync(4_900)
  expect(silent.lost).toEqual([])
  await vi.advanceTimersByTimeAsync(200)
  expect(silent.lost).toEqual(['expired'])
  const failing = await ask([() => true, () => Promise.reject(new Error('down'))])
  await failing.hub.ring('access:7')
  expect(failing.lost).toEqual(['expired'])
})

test('an outage is waited out before the subscription begins', async () => {
  const outage = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  const asking = ask([() => Promise.reject(outage), () => Promise.reject(outage), () => true])
  await vi.advanceTimersByTimeAsync(60_000)
  expect((await asking).history.asked).toBe(3)
})

test('nobody is asked after the client left, and a question that is out changes nothing', async () => {
  const { lost, hub, history, leave } = await ask([inMs(1_000), never])
  await hub.ring('access:7')
  leave()
  await vi.advanceTimersByTimeAsync(60_000)
  expect({ lost, attached: hub.attached(), ...history }).toEqual({ lost: [], attached: 0, asked: 2 })
})

test('in another epoch it hears of revocations from the new hub, and asks at once', async () => {
  const next = createBells()
  const { permission, lost, hub, history } = await ask([() => true, () => true, () => false])
  permission.moveTo(next.source)
  await vi.advanceTimersByTimeAsync(0)
  expect({ attached: hub.attached(), ...history }).toEqual({ attached: 0, asked: 2 })
  await next.ring('access:7')
  expect(lost).toEqual(['revoked'])
})

test('at most twenty running subscriptions are asked for at a time', async () => {
  const hub = createBells()
  let asking = 0
  let most = 0
  const slow = async () => {
    most = Math.max(most, ++asking)
    await new Promise((resolve) => setTimeout(resolve, 100))
    asking--
    return true
  }
  const all = await Promise.all(Array.from({ length: 90 }, () => ask([() => true, slow], hub)))
  await hub.ring('access:7')
  await vi.advanceTimersByTimeAsync(1_000)
  expect({ most, asked: all.map(({ history }) => history.asked) }).toEqual({ most: 20, asked: all.map(() => 2) })
  for (const { leave } of all) leave()
})
