import { encodeNoted, InvalidValue, type Message, type NotedText } from '@commitcast/events'
import { type EventRow, type NewEvent, newEventId } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import type { WorkItem } from '../groups/work-item.ts'
import { type Decision, decide } from './decide.ts'
import type { InstanceWork } from './instance.ts'
import { InvalidTransition } from './invalid-transition.ts'
import type { AnyStep, Machine, ProcessInput } from './machine.ts'
import { NoInstance } from './no-instance.ts'
import type { ProcessState } from './process.ts'

/** Checks and encodes the events of one step; `sql` is for the keys of their personal fields. */
export type EncodeEvents = (events: readonly NewEvent<never>[], sql?: Sql) => Promise<readonly EventRow[]>

/** What an instance did with an input, for its history. */
export interface HistoryEntry {
  readonly instance: string
  readonly incarnation: number
  readonly input: string
  readonly eventId: string
  /** `ended`: ignored, because the instance is finished. `stale`: a time-out that was cancelled after it had fired. */
  readonly outcome: 'started' | 'taken' | 'ignored' | 'ended' | 'stale'
  readonly from: string | null
  readonly to: string | null
  readonly outputs: readonly { readonly id: string; readonly type: string; readonly key: string }[]
  readonly timeouts: AnyStep['timeouts'] | null
}

/** What inputs led to, to be written in their transaction. */
export interface Effects {
  readonly outputs: EventRow[]
  readonly history: HistoryEntry[]
  /** Events that wait for their instance. */
  readonly held: { readonly instance: string; readonly item: WorkItem }[]
}

export interface TakeContext {
  readonly machine: Machine
  readonly encode: EncodeEvents
  /** The transaction. None in tests of rules. */
  readonly sql?: Sql
  readonly maxHeld: number
  readonly effects: Effects
}

/** A state may be as large as the data of an event is by default. */
const maxStateBytes = 786_432

/**
 * Gives an input to an instance: changes `work` and adds to the effects, or throws and changes nothing. Returns what was
 * decided.
 */
export async function takeInput(
  work: InstanceWork,
  given: { readonly input: ProcessInput; readonly item: WorkItem },
  context: TakeContext,
): Promise<Decision> {
  const { machine, effects, maxHeld } = context
  const { input, item } = given
  const { now } = work
  const decision = decide(machine, now, input)
  if (decision.kind === 'step') {
    await takeStep(work, { ...given, ...decision }, context)
  } else if (decision.kind === 'held') {
    if (work.held >= maxHeld) {
      throw new NoInstance(
        `${machine.name} holds ${work.held} events for ${JSON.stringify(work.id)}, as many as it may (maxHeld), and the instance does not exist.`,
      )
    }
    work.held++
    effects.held.push({ instance: work.id, item })
  } else if (now) {
    const hasEnded = decision.kind === 'ignored' && now.isFinished
    if (hasEnded) work.now = { ...now, ignored: now.ignored + 1 }
    effects.history.push({
      ...entryOf(work.id, now.incarnation, given),
      ...{ outcome: hasEnded ? 'ended' : decision.kind, from: now.state.status, to: null, outputs: [], timeouts: null },
    })
  }
  return decision
}

interface GivenStep {
  readonly input: ProcessInput
  readonly item: WorkItem
  readonly step: AnyStep
  readonly isStart: boolean
}

async function takeStep(work: InstanceWork, given: GivenStep, context: TakeContext): Promise<void> {
  const { machine, encode, sql, effects } = context
  const { input, step, isStart } = given
  const before = work.now
  const incarnation = isStart ? (before?.incarnation ?? 0) + 1 : before!.incarnation
  const state = step.state ?? before!.state
  const encoded = step.state === undefined ? work.encoded : encodeState(machine, step.state)
  const rows = step.append === undefined ? [] : await encode(withCause(step.append, given.item), sql)
  const isFinished = machine.ends.has(state.status)
  const timeouts = new Map(isStart ? [] : before!.timeouts)
  if ('timeout' in input) timeouts.delete(input.timeout.name)
  for (const [name, at] of Object.entries(step.timeouts ?? {})) {
    timeouts.delete(name)
    if (at === undefined || at === 'cancel' || isFinished) continue
    const id = newEventId()
    timeouts.set(name, id)
    work.newTimeouts.set(id, { time: at, headers: causeHeaders(given.item) })
  }
  if (isFinished) timeouts.clear()
  const taken = (isStart ? 0 : before!.taken) + 1
  work.now = { incarnation, state, timeouts, isFinished, taken, ignored: isStart ? 0 : before!.ignored }
  work.encoded = encoded
  effects.outputs.push(...rows)
  effects.history.push({
    ...entryOf(work.id, incarnation, given),
    ...{ outcome: isStart ? 'started' : 'taken', from: isStart ? null : before!.state.status, to: state.status },
    outputs: rows.map(({ id, type, key }) => ({ id, type, key })),
    timeouts: step.timeouts ?? null,
  })
}

function entryOf(
  instance: string,
  incarnation: number,
  { input, item }: { readonly input: ProcessInput; readonly item: WorkItem },
) {
  return { instance, incarnation, input: input.name, eventId: item.message.id }
}

/** The headers of what an event leads to: they name it as the cause, and share its correlation. As they are stored. */
export function causeHeaders({ message: { id, headers } }: WorkItem): Message['headers'] {
  const { correlation = id, trace } = headers
  return { causation: id, correlation, ...(trace !== undefined && { trace }) }
}

function withCause(append: NonNullable<AnyStep['append']>, item: WorkItem): readonly NewEvent<never>[] {
  const list = (Array.isArray(append) ? append : [append]) as readonly { readonly headers?: object }[]
  const { causation: causationId, correlation: correlationId, ...trace } = causeHeaders(item)
  const cause = { causationId, correlationId, ...trace }
  return list.map((event) => ({ ...event, headers: { ...cause, ...event.headers } })) as unknown as readonly never[]
}

export function encodeState({ name }: Machine, state: ProcessState): NotedText {
  const encoded = encode(name, state)
  const bytes = Buffer.byteLength(encoded.json)
  if (bytes <= maxStateBytes) return encoded
  throw new InvalidTransition(
    `The state of ${name} takes ${bytes} bytes, at most ${maxStateBytes} are taken: keep large things elsewhere, and a reference in the state.`,
  )
}

function encode(name: string, state: ProcessState): NotedText {
  try {
    return encodeNoted(state)
  } catch (cause) {
    if (!(cause instanceof InvalidValue)) throw cause
    throw new InvalidTransition(`The state of ${name} can't be kept: ${cause.describe('state')}`, { cause })
  }
}
