import type { Instance } from './instance.ts'
import { InvalidTransition } from './invalid-transition.ts'
import { type AnyStep, type Machine, type ProcessInput, timeoutRule } from './machine.ts'
import { NoInstance } from './no-instance.ts'
import type { ProcessState } from './process.ts'

/**
 * What an input does to an instance. `step`: its transition's step. `ignored`: the rules say so, or it is finished. `held`:
 * there is no instance yet. `stale`: a time-out that was cancelled or replaced after it had fired.
 */
export type Decision =
  | { readonly kind: 'step'; readonly step: AnyStep; readonly isStart: boolean }
  | { readonly kind: 'ignored' | 'held' | 'stale' }

/** Applies the rules to an input; changes nothing. Throws `InvalidTransition`, `NoInstance`, and what a transition throws. */
export function decide(machine: Machine, instance: Instance | undefined, input: ProcessInput): Decision {
  if ('timeout' in input && !isPending(instance, input)) return { kind: 'stale' }
  const isStart = !instance || (instance.isFinished && startsAnew(machine, input))
  if (instance?.isFinished && !isStart) return { kind: 'ignored' }
  const status = isStart ? 'none' : instance!.state.status
  const rule = machine.rules[status]?.[input.name]
  if (rule === undefined) {
    throw new InvalidTransition(
      `${machine.name} has no transition for "${input.name}" in the status "${status}": another release wrote this state. Deploy a release that has one.`,
    )
  }
  if (rule === 'ignore') return { kind: 'ignored' }
  if (rule === 'hold') return { kind: 'held' }
  if (rule === 'park') {
    throw new NoInstance(
      `${machine.name} has no instance for this "${input.name}": retry it when there is one, or drop it.`,
    )
  }
  const given = 'timeout' in input ? input.timeout : input.event
  const step = isStart ? rule(given) : rule(instance!.state, given)
  return { kind: 'step', step: checkStep(machine, step, { isStart, status, input: input.name }), isStart }
}

/** Firing and cancelling are decided by the scheduled row; what fired before it was cancelled is recognised by its id. */
function isPending(instance: Instance | undefined, input: Extract<ProcessInput, { timeout: unknown }>): boolean {
  return (
    instance !== undefined &&
    !instance.isFinished &&
    instance.incarnation === input.incarnation &&
    instance.timeouts.get(input.timeout.name) === input.id
  )
}

function startsAnew({ restarts, rules }: Machine, input: ProcessInput): boolean {
  return restarts && typeof rules.none![input.name] === 'function'
}

interface StepPlace {
  readonly isStart: boolean
  readonly status: string
  readonly input: string
}

function checkStep(machine: Machine, step: unknown, { isStart, status, input }: StepPlace): AnyStep {
  const fail = (what: string) => {
    throw new InvalidTransition(
      `${machine.name}: the transition of "${status}" for "${input}" returned ${what}. Return { state, append, timeouts }.`,
    )
  }
  if (typeof step !== 'object' || step === null) fail(String(step))
  if (typeof (step as { then?: unknown }).then === 'function')
    fail('a promise; a transition is pure and not asynchronous')
  const { state, append, timeouts = {} } = step as AnyStep
  if (isStart && state === undefined) fail('no state, and there is no instance yet')
  if (state !== undefined) checkStatus(machine, state, fail)
  if (append !== undefined && (typeof append !== 'object' || append === null)) fail('"append" without an event')
  for (const [name, at] of Object.entries(timeouts)) {
    if (!machine.timeouts.has(name)) fail(`the time-out "${name}", which is none of "timeouts"`)
    if (at !== undefined && at !== 'cancel' && !isTime(at)) fail(`the time-out "${name}" as ${JSON.stringify(at)}`)
  }
  return step as AnyStep
}

function checkStatus({ rules, ends }: Machine, state: ProcessState, fail: (what: string) => void): void {
  const { status } = (state ?? {}) as Partial<ProcessState>
  if (typeof status !== 'string' || status === 'none' || !(ends.has(status) || Object.hasOwn(rules, status))) {
    fail(`a state with the status ${JSON.stringify(status)}, which is none of its own`)
  }
}

const longestMs = 100 * 365 * 86_400_000

function isTime(at: object): boolean {
  if ('at' in at) return at.at instanceof Date && Number.isFinite(at.at.getTime())
  return 'afterMs' in at && typeof at.afterMs === 'number' && at.afterMs >= 0 && at.afterMs <= longestMs
}

/** The rule that a fired time-out finds. */
export function timeoutInput(
  timeout: { readonly name: string; readonly dueAt: string },
  { id, incarnation }: { readonly id: string; readonly incarnation: number },
): ProcessInput {
  return { name: timeoutRule(timeout.name), timeout, id, incarnation }
}
