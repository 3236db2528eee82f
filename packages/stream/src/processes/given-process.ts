import assert from 'node:assert/strict'
import { type CommittedEvent, decodeEvent, type Message } from '@commitcast/events'
import { type EventRow, newEventId } from '@commitcast/outbox'
import { decide, timeoutInput } from './decide.ts'
import { findTarget } from './find-target.ts'
import type { InstanceWork } from './instance.ts'
import { InvalidTransition } from './invalid-transition.ts'
import type { Machine, ProcessInput } from './machine.ts'
import type { ProcessState } from './process.ts'
import { type Effects, type EncodeEvents, takeInput } from './take-input.ts'

/** What a test needs of a process: its rules, and how its events are checked and encoded, with personal fields in clear. */
export interface TestedProcess<TEvent = unknown, TState extends ProcessState = ProcessState, TOutput = unknown> {
  readonly machine: Machine
  readonly encode: EncodeEvents
  /** Carries types, and nothing at run time. */
  readonly '~types'?: { readonly event: TEvent; readonly state: TState; readonly output: TOutput }
}

/** Time that passes: the time-outs that are due fire, the earliest first. */
export interface TimePasses {
  readonly passMs: number
}

/** What happens to an instance: an event, or time that passes. */
export type Happening<TEvent> = TEvent | TimePasses

/** How an instance is after an input. */
export interface InstanceNow<TState> {
  /** `undefined` where there is no instance. */
  readonly state: TState | undefined
  /** The time-outs that are set, each in milliseconds from now. */
  readonly timeouts: Readonly<Record<string, number>>
}

/** What the last input did, to be compared. Each throws an `AssertionError`, and returns how the instance is after it. */
export interface ProcessOutcome<TState, TOutput> {
  /** The instance has exactly this state, and appended exactly these events, in this order. */
  thenBecomes(state: TState, ...appended: readonly TOutput[]): Promise<InstanceNow<TState>>
  /** The transition threw an error of this class, message, or of these properties, so its event would be parked. */
  thenThrows(expected?: RegExp | object | (new (...args: never[]) => Error)): Promise<InstanceNow<TState>>
  /** It was ignored: nothing was appended, and the state and the time-outs are as before. */
  thenNothing(): Promise<InstanceNow<TState>>
}

/** What happened to the instance before. */
export interface GivenProcess<TEvent, TState, TOutput> {
  when(happening: Happening<TEvent>): ProcessOutcome<TState, TOutput>
}

/**
 * Tests one instance of a process without a database, and with a clock of its own:
 * `await givenProcess(purchase, requested).when({ passMs: 30_000 }).thenBecomes({ status: 'failed' }, failed)`. The rules are
 * applied by the code that the worker runs. Each test also fails where a transition is not pure: where it changes the state that it is
 * given, or returns something else when it runs again. Personal fields are in clear.
 */
export function givenProcess<TEvent extends object, TState extends ProcessState, TOutput extends object>(
  { process }: { readonly process: TestedProcess<TEvent, TState, TOutput> },
  ...happenings: readonly NoInfer<Happening<TEvent>>[]
): GivenProcess<NoInfer<TEvent>, NoInfer<TState>, NoInfer<TOutput>> {
  const run = async (last: Happening<TEvent>) => {
    const instance = createInstance(process)
    for (const each of happenings) await instance.happen(each)
    const before = instance.now()
    instance.effects.outputs.length = 0
    let error: unknown
    await instance.happen(last).catch((thrown) => {
      error = thrown ?? new Error('Nothing was thrown.')
    })
    const now = instance.now() as InstanceNow<TState>
    return { before: before as InstanceNow<TState>, now, appended: instance.effects.outputs, error }
  }
  return {
    when: (last) => ({
      async thenBecomes(state, ...appended) {
        const done = await run(last)
        if (done.error !== undefined) throw done.error
        assert.deepEqual(done.now.state, state)
        assert.deepEqual(shown(done.appended), await expectedOf(process, appended))
        return done.now
      },
      async thenThrows(expected) {
        const { error, now } = await run(last)
        const act = () => {
          if (error !== undefined) throw error
        }
        if (expected === undefined) assert.throws(act)
        else assert.throws(act, expected as RegExp)
        return now
      },
      async thenNothing() {
        const { before, now, appended, error } = await run(last)
        if (error !== undefined) throw error
        assert.deepEqual(shown(appended), [])
        assert.deepEqual(now.state, before.state)
        assert.deepEqual(Object.keys(now.timeouts), Object.keys(before.timeouts))
        return now
      },
    }),
  }
}

const partition = 0

/** One instance with a clock. Its id is that of its first event. */
function createInstance({ machine, encode }: TestedProcess) {
  const effects: Effects = { outputs: [], history: [], held: [] }
  const work: InstanceWork = {
    ...{ id: '', loaded: undefined, now: undefined, encoded: undefined, isBlocked: false, held: 0 },
    newTimeouts: new Map(),
  }
  const due = new Map<string, number>()
  let id: string | undefined
  let clock = 0
  const take = async (input: ProcessInput, message: Message) => {
    checkPure(machine, work, input)
    const item = { epoch: 1, message, ...('event' in input && { event: input.event }) }
    const { kind } = await takeInput(work, { input, item }, { machine, encode, maxHeld: 10_000, effects })
    for (const [timeout, { time }] of work.newTimeouts) {
      due.set(timeout, 'at' in time ? time.at.getTime() : clock + time.afterMs)
    }
    work.newTimeouts.clear()
    if (kind !== 'step') return
    for (const { item: held } of effects.held.splice(0)) {
      await take({ name: held.message.type, event: held.event! }, held.message)
    }
  }
  const fire = async (name: string, timeoutId: string) => {
    clock = Math.max(clock, due.get(timeoutId)!)
    const dueAt = new Date(due.get(timeoutId)!).toISOString()
    const input = timeoutInput({ name, dueAt }, { id: timeoutId, incarnation: work.now!.incarnation })
    await take(input, toMessage({ id: timeoutId, type: input.name, key: work.id, data: '{}', headers: '{}' }))
  }
  const pending = () =>
    [...(work.now?.timeouts ?? [])].map(([name, timeout]) => ({ name, id: timeout, at: due.get(timeout)! }))
  return {
    effects,
    now: () => ({
      state: work.now?.state,
      timeouts: Object.fromEntries(pending().map(({ name, at }) => [name, at - clock])),
    }),
    async happen(happening: object): Promise<void> {
      if ('passMs' in happening) {
        const until = clock + Number(happening.passMs)
        for (;;) {
          const [next] = pending().sort((a, b) => a.at - b.at)
          if (!next || next.at > until) break
          await fire(next.name, next.id)
        }
        clock = until
        return
      }
      const { message, target } = await targetOf({ machine, encode }, happening, id)
      id = target.instance
      Object.assign(work, { id })
      await take(target.input, message)
    },
  }
}

/** Encodes an event, and finds its instance, which has to be the one that the test is about. */
async function targetOf({ machine, encode }: TestedProcess, given: object, id: string | undefined) {
  const [row] = await encode([given] as never)
  const message = toMessage(row!)
  const event = decodeEvent(message, { epoch: 1, partition })
  const target = findTarget(machine, { epoch: 1, message, event })
  if (target && 'error' in target) throw target.error
  if (!target || !('input' in target)) {
    throw new InvalidTransition(`${machine.name} takes nothing from ${describe(event)}.`)
  }
  if (target.instance === (id ?? target.instance)) return { message, target }
  throw new InvalidTransition(
    `${describe(event)} is for the instance ${JSON.stringify(target.instance)}, and the test is about ${JSON.stringify(id)}.`,
  )
}

/** Both runs get a state of their own; the second must find what the first found. */
function checkPure(machine: Machine, work: InstanceWork, input: ProcessInput): void {
  if (!work.now) return
  const copy = () => ({ ...work.now!, state: structuredClone(work.now!.state) })
  const [one, other] = [copy(), copy()]
  const [first, second] = [decide(machine, one, input), decide(machine, other, input)]
  assert.deepEqual(one.state, work.now.state, 'The transition changed the state that it was given: return another one.')
  assert.deepEqual(first, second, 'The transition returned something else when it ran again: it has to be pure.')
}

function describe({ type, key }: CommittedEvent): string {
  return `the event "${type}" with key ${JSON.stringify(key)}`
}

const time = '2000-01-01T00:00:00.000000Z'

function toMessage({ id, type, key, data, headers }: EventRow): Message {
  return { offset: 1, id, type, key, time, tx: '1', headers: JSON.parse(headers), body: data }
}

/** What is compared of appended events. */
function shown(rows: readonly EventRow[]) {
  return rows.map((row) => {
    const { type, key, data } = decodeEvent(toMessage(row), { epoch: 1, partition })
    return { type, key, data }
  })
}

async function expectedOf(process: TestedProcess, events: readonly object[]) {
  const rows = await process.encode(events.map((event) => ({ id: newEventId(), ...event })) as never)
  return shown(rows)
}
