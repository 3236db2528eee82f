import { type CommittedEvent, timeoutType } from '@commitcast/events'
import { isName } from '@commitcast/outbox'
import type { WorkItem } from '../groups/work-item.ts'
import { timeoutInput } from './decide.ts'
import { InvalidTransition } from './invalid-transition.ts'
import type { Machine, ProcessInput } from './machine.ts'

/**
 * What a message is for: an instance, with an input, or with the end of the time that an event may be held for. Or it is not
 * known: the message can't be read, or the function that finds the instance failed.
 */
export type Target =
  | { readonly item: WorkItem; readonly instance: string; readonly input: ProcessInput }
  | { readonly item: WorkItem; readonly instance: string; readonly heldId: string }
  | { readonly item: WorkItem; readonly error: unknown }

/** Finds what a message is for; `undefined` where this process takes nothing from it. */
export function findTarget(machine: Machine, item: WorkItem): Target | undefined {
  const { event, unreadable } = item
  if (unreadable !== undefined) return { item, error: unreadable }
  if (!event) return undefined
  if (event.type === timeoutType) return findTimeout(machine, item, event)
  const find = machine.instanceOf.get(event.type)
  if (!find) return undefined
  try {
    const instance = find(event as never)
    if (instance === undefined || instance === null) return undefined
    return { item, instance: checkInstance(machine, event, instance), input: { name: event.type, event } }
  } catch (error) {
    return { item, error }
  }
}

/** The data of the events that a process schedules. */
interface TimeoutData {
  readonly process: string
  readonly instance: string
  readonly incarnation: number
  readonly dueAt: string
  /** The time-out's name; missing where it is about a held event. */
  readonly timeout?: string
  /** The id of the event that is held. */
  readonly held?: string
}

function findTimeout({ name }: Machine, item: WorkItem, event: CommittedEvent): Target | undefined {
  const { process, instance, incarnation, dueAt, timeout, held } = event.data as TimeoutData
  if (process !== name) return undefined
  if (held !== undefined) return { item, instance, heldId: held }
  const input = timeoutInput({ name: timeout!, dueAt }, { id: event.id, incarnation })
  return { item, instance, input }
}

function checkInstance({ name }: Machine, { type }: CommittedEvent, instance: unknown): string {
  if (isName(instance) && instance.isWellFormed()) return instance
  throw new InvalidTransition(
    `${name}: instance["${type}"] returned ${JSON.stringify(instance)?.slice(0, 80)}; it has to be a text of 1 to 500 characters, or undefined.`,
  )
}
