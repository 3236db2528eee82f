import { type CommittedEvent, reservedPrefix } from '@commitcast/events'
import { checkWholeNumber } from '@commitcast/worker'
import type { FiredTimeout, ProcessState, ProcessStep } from './process.ts'

type Rule = 'ignore' | 'hold' | 'park' | ((...given: readonly unknown[]) => unknown)

/** What `cast.process` is given, without the types of its catalogue. */
export interface MachineDefinition {
  readonly instance: Readonly<Record<string, (event: never) => unknown>>
  readonly timeouts?: readonly string[]
  readonly ends: readonly string[]
  readonly version?: number
  readonly upcast?: Readonly<Record<number, (state: never) => unknown>>
  readonly restarts?: boolean
}

/** The rules of a process by status and input. */
export type Rules = Readonly<Record<string, Readonly<Record<string, Rule>>>>

/** A process's definition, checked. */
export interface Machine {
  readonly name: string
  readonly instanceOf: ReadonlyMap<string, (event: never) => unknown>
  readonly timeouts: ReadonlySet<string>
  readonly ends: ReadonlySet<string>
  readonly rules: Rules
  readonly restarts: boolean
  readonly version: number
  readonly upcast: Readonly<Record<number, (state: never) => unknown>>
}

/** A step of any process. */
export type AnyStep = ProcessStep<never, ProcessState, string>

/** An event that a process takes, or a time-out of its own. */
export type ProcessInput =
  | { readonly name: string; readonly event: CommittedEvent }
  | { readonly name: string; readonly timeout: FiredTimeout; readonly id: string; readonly incarnation: number }

/** The name under which the rules have a time-out. */
export function timeoutRule(name: string): string {
  return `timeout:${name}`
}

/** Checks a process's definition. Throws `RangeError` or `TypeError`, which name what can't be used. */
export function toMachine(name: string, definition: MachineDefinition, rules: Rules): Machine {
  const { instance, timeouts = [], ends, restarts = false, upcast = {} } = definition
  const machine: Machine = {
    ...{ name, rules, restarts, upcast },
    instanceOf: new Map(Object.entries(instance)),
    timeouts: new Set(timeouts),
    ends: new Set(ends),
    version: checkWholeNumber(`${name}: version`, definition.version ?? 1, { most: 1_000_000 }),
  }
  checkInputs(machine)
  checkRules(machine)
  checkSteps(machine)
  return machine
}

function checkInputs({ name, instanceOf, timeouts }: Machine): void {
  if (instanceOf.size === 0)
    throw new RangeError(`${name}: "instance" names no event type; a process needs one to begin.`)
  for (const [type, find] of instanceOf) {
    if (type.startsWith(reservedPrefix)) {
      throw new RangeError(`${name}: "instance" names the event type "${type}", which is Commitcast's own.`)
    }
    if (typeof find !== 'function')
      throw new TypeError(`${name}: instance["${type}"] is ${typeof find}; give a function.`)
  }
  const badName = [...timeouts].find((timeout) => !/^[A-Za-z0-9_-]{1,60}$/.test(timeout))
  if (badName !== undefined) {
    throw new RangeError(
      `${name}: the time-out ${JSON.stringify(badName)} can't be used: take 1 to 60 letters, digits, "-" and "_".`,
    )
  }
}

/** The compiler holds the same; this is for JavaScript, and for what was cast. */
function checkRules({ name, instanceOf, timeouts, ends, rules }: Machine): void {
  const events = [...instanceOf.keys()]
  const inputs = [...events, ...[...timeouts].map(timeoutRule)]
  if (!rules.none) throw new RangeError(`${name}: the transitions lack "none", which says what creates an instance.`)
  for (const [status, row] of Object.entries(rules)) {
    if (ends.has(status)) throw new RangeError(`${name}: "${status}" is in "ends", so it can have no transitions.`)
    const wanted = status === 'none' ? events : inputs
    const missing = wanted.find((input) => row[input] === undefined)
    if (missing !== undefined) throw new RangeError(`${name}: "${status}" has no transition for "${missing}".`)
    const unknown = Object.keys(row).find((input) => !wanted.includes(input))
    if (unknown !== undefined) {
      throw new RangeError(
        `${name}: "${status}" has a transition for "${unknown}", which is none of ${wanted.join(', ')}.`,
      )
    }
    const words = status === 'none' ? ['ignore', 'hold', 'park'] : ['ignore']
    for (const [input, rule] of Object.entries(row)) {
      if (typeof rule === 'function' || words.includes(rule)) continue
      throw new TypeError(
        `${name}: the transition of "${status}" for "${input}" is ${JSON.stringify(rule)}; give a function or ${words.map((word) => `"${word}"`).join(', ')}.`,
      )
    }
  }
  if (!Object.values(rules.none).some((rule) => typeof rule === 'function')) {
    throw new RangeError(`${name}: no event creates an instance; give one of them a function in "none".`)
  }
}

function checkSteps({ name, version, upcast }: Machine): void {
  for (let from = 1; from < version; from++) {
    if (typeof upcast[from] === 'function') continue
    throw new RangeError(
      `${name} is at version ${version} and has no upcast step from version ${from} to ${from + 1}: add upcast: { ${from}: (state) => … }.`,
    )
  }
}
